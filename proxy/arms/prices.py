"""What an arm costs at a moment: the catalogue's price of that day, under what configuration and API state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from adapters.billing.price_list import list_named, price_of
from adapters.billing.price_override import Stated, over
from adapters.billing.pricing import FOLLOWS, Price
from adapters.providers import Provider
from proxy.config import ArmConfig, PriceConfig, TokenPriceConfig

_MTOK = "_usd_per_mtok"
_FEES = ("web_search", "social_search", "file_search", "code_execution")
_RATES = ("input", "output", *FOLLOWS)

UNKNOWN = Price({})
"""Stands where the price is unknown; it is never counted as one."""


class Layer(NamedTuple):
    """Part of a price that somebody states: `source` says who, `until` when it ends (epoch seconds)."""

    source: str
    stated: Stated
    until: float | None


class Priced(NamedTuple):
    """A price with where it comes from; `known` False: nobody states it, and `price` is none. It ends at `until`."""

    price: Price
    known: bool
    source: str
    until: float | None


@dataclass(frozen=True, slots=True)
class Tariff:
    """All that the price of an arm depends on. `catalogue` is a genai-prices id, None for a provider without a list."""

    catalogue: str | None
    model: str
    tier: str | None = None
    layers: tuple[Layer, ...] = ()

    def under(self, layer: Layer) -> Tariff:
        """Returns a tariff with one more layer, which goes before all others."""
        return Tariff(self.catalogue, self.model, self.tier, (*self.layers, layer))

    def at(self, now: float) -> Priced:
        """Returns the price at epoch seconds `now`."""
        price = price_of(self.catalogue, self.model, now)
        source, ends = "catalogue", None
        for layer in self.layers:
            if layer.until is not None and layer.until <= now:
                continue
            # Where no list has the model, the first layer that says enough begins.
            changed = over(price, layer.stated)
            if changed is None:
                continue
            price, source = changed, layer.source
            if layer.until is not None:
                ends = layer.until if ends is None else min(ends, layer.until)
        if price is None:
            return Priced(UNKNOWN, False, "unknown", None)
        return Priced(price if self.tier is None else price.at(self.tier), True, source, ends)


def tariff_of(config: ArmConfig, row: Provider, own: PriceConfig | None) -> Tariff:
    """Returns the tariff of an arm; `own` is what configuration states of its provider."""
    catalogue = row.prices
    if config.provider != row.name:
        catalogue = list_named(config.provider, config.base_url)
    model = config.catalogue_model or config.model
    head, slash, rest = model.partition("/")
    if config.catalogue_model is not None and slash and (other := list_named(head, None)) is not None:
        catalogue, model = other, rest
    layers = [] if own is None else [Layer("configuration of the provider", stated(own), None)]
    mine = stated(config)
    if not mine.empty:
        layers.append(Layer("configuration", mine, config.price_until))
    return Tariff(catalogue, model, config.service_tier, tuple(layers))


def stated(config: PriceConfig) -> Stated:
    """Returns what a configuration states of a price."""
    minute, mchar = config.audio_minute_usd, config.speech_usd_per_mchar
    fees = {name: value for name in _FEES if (value := getattr(config, f"{name}_usd")) is not None}
    return Stated(
        rates=_rates(config),
        factor=config.price_factor,
        request=config.request_usd,
        second=None if minute is None else minute / 60,
        character=None if mchar is None else mchar / 1e6,
        fees=fees,
        tiers={name: _rates(tier) for name, tier in config.tiers.items()},
    )


def _rates(config: TokenPriceConfig) -> dict[str, float]:
    per_mtok = {name: getattr(config, name + _MTOK) for name in _RATES}
    return {name: value / 1e6 for name, value in per_mtok.items() if value is not None}


def lacking(layers: Sequence[Layer]) -> str | None:
    """Returns which field is missing where layers state something and yet no price, None where they state none."""
    rates = {name for layer in layers for name in layer.stated.rates}
    if "input" in rates or "output" in rates:
        return "output_usd_per_mtok" if "input" in rates else "input_usd_per_mtok"
    return "input_usd_per_mtok" if any(not layer.stated.empty for layer in layers) else None
