"""Prices that were set through the API and are in force, as the journal has them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from pydantic import ValidationError

from proxy.arms.prices import Layer, stated
from proxy.config import PriceChange, describe
from state.records import ArmPrice

log = logging.getLogger("meritorder.registry")

API = "PUT /v1/prices"


@dataclass(frozen=True, slots=True)
class ApiPrice:
    """What the API stated of an arm's price. `set_at` 0 where an earlier version kept no time; `configured` is what
    configuration stated then, None where an earlier version kept nothing of it.
    """

    layer: Layer
    set_at: float
    configured: dict[str, object] | None

    def holds(self, now: float) -> bool:
        """Returns whether it hasn't ended at epoch seconds `now`."""
        return self.layer.until is None or self.layer.until > now

    def contradicts(self, configured: dict[str, object]) -> bool:
        """Returns whether configuration states something else by now."""
        return bool(configured) if self.configured is None else self.configured != configured


class ApiPrices:
    """By arm, also of arms that aren't in service yet."""

    def __init__(self) -> None:
        self._prices: dict[str, ApiPrice] = {}

    def apply(self, row: ArmPrice) -> None:
        """Applies a row of the journal; one that can't be read counts as none, and is logged."""
        self._prices.pop(row.name, None)
        if row.price is None:
            return
        try:
            change = PriceChange.model_validate(row.price)
        except ValidationError as error:
            log.warning(
                "the price of %s that the database holds can't be used: %s", row.name, describe(error)
            )
            return
        self._prices[row.name] = ApiPrice(layer_of(change), row.at, row.configured)

    def forget(self, name: str) -> None:
        """Drops the price of an arm that went: one that comes later under its name has its own."""
        self._prices.pop(name, None)

    def of(self, name: str) -> ApiPrice | None:
        """Returns what the API set of an arm's price."""
        return self._prices.get(name)


def layer_of(change: PriceChange) -> Layer:
    """Returns a price that the API is asked to set as a layer over all others."""
    return Layer(API, stated(change), change.until)
