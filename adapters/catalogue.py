"""Every model in genai-prices, with the abilities of its family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo

from adapters.billing.price_list import find_model, price_of
from adapters.billing.pricing import Price
from adapters.families import family_of


@dataclass(frozen=True, slots=True)
class Model:
    """One model at one provider (a genai-prices id). Token counts are None where no source states them."""

    provider: str
    name: str
    family: str
    context_window: int | None
    max_output: int | None
    capabilities: frozenset[str]
    price: Price | None


def find(provider: str | None, name: str, at: float = 0.0) -> Model | None:
    """Returns what is known of a model; the price is that of epoch seconds `at`, by default the standard one.
    None for a provider without a list and for a model that isn't on it.
    """
    if provider is None:
        return None
    info = find_model(provider, name)
    return None if info is None else _model(provider, name, info, at)


def search(text: str = "", at: float = 0.0) -> list[Model]:
    """Returns the models whose "provider/name" holds `text`, whatever the case, sorted by that name."""
    wanted = text.lower()
    return [model for model in models(at) if wanted in f"{model.provider}/{model.name}".lower()]


def models(at: float = 0.0) -> Iterator[Model]:
    """Yields every model, sorted by provider and name."""
    for provider in sorted(get_snapshot().providers, key=lambda provider: provider.id):
        for info in sorted(provider.models, key=lambda info: info.id):
            yield _model(provider.id, info.id, info, at)


def _model(provider: str, name: str, info: ModelInfo, at: float) -> Model:
    family, abilities, limit = family_of(name)
    if limit is not None and info.context_window is not None:
        limit = min(limit, info.context_window)
    return Model(provider, name, family, info.context_window, limit, abilities, price_of(provider, name, at))
