"""A price that somebody states, over the one that a list gives: field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.billing.pricing import GROUNDED_PROMPT, WEB_SEARCH, Price


@dataclass(frozen=True, slots=True)
class Stated:
    """What is stated of a price, in a price's own units: `rates` by the names of `Rates`, `fees` by tool, `tiers` the rates
    of service tiers. `factor` multiplies what a list says of tokens.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    factor: float | None = None
    request: float | None = None
    second: float | None = None
    character: float | None = None
    fees: Mapping[str, float] = field(default_factory=dict)
    tiers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Does it price a call without any list?"""
        return (
            {"input", "output"} <= self.rates.keys() or self.second is not None or self.character is not None
        )

    @property
    def empty(self) -> bool:
        return self == _NOTHING


_NOTHING = Stated()


def over(listed: Price | None, stated: Stated) -> Price | None:
    """Returns the price with all that is `stated`; None where that leaves nothing to reckon with.

    A stated rate holds for prompts of any length and for every tier in the ratio that it has to the listed one: who pays
    nine tenths of the list does so for the long prompts and the flex tier too.
    """
    if listed is None:
        if not stated.whole:
            return None
        listed = Price({})
    if stated.empty:
        return listed
    tiers = {name: _rated(price, stated, listed) for name, price in listed.tiers.items()}
    for name, rates in stated.tiers.items():
        usual = tiers.get(name) or _rated(listed, stated, listed)
        tiers[name] = _rated(usual, Stated(rates), usual)
    return _rated(listed, stated, listed, tiers)


def _rated(price: Price, stated: Stated, listed: Price, tiers: Mapping[str, Price] | None = None) -> Price:
    """Returns `price` changed as `listed` is to be changed."""
    steps = [(step.above, _changed(step.given, stated, listed)) for step in price.steps]
    return Price(
        _changed(price.given, stated, listed, usual=price is listed),
        request=price.request if stated.request is None else stated.request,
        steps=steps,
        second=price.second if stated.second is None else stated.second,
        character=price.character if stated.character is None else stated.character,
        fees=_fees(price.fees, stated.fees),
        tiers=tiers,
        geography=listed.geography if tiers is not None else None,
        least_seconds=price.least_seconds,
    )


def _fees(listed: Mapping[str, float], stated: Mapping[str, float]) -> dict[str, float]:
    # Searches have another name where they are billed by the prompt.
    by_prompt = GROUNDED_PROMPT in listed
    own = {GROUNDED_PROMPT if by_prompt and name == WEB_SEARCH else name: fee for name, fee in stated.items()}
    return {**listed, **own}


def _changed(
    given: Mapping[str, float], stated: Stated, listed: Price, *, usual: bool = False
) -> dict[str, float]:
    factor = 1.0 if stated.factor is None else stated.factor
    rates = {name: rate * factor for name, rate in given.items()}
    for name, own in stated.rates.items():
        before = listed.given.get(name)
        if usual or not before:
            rates[name] = own
        elif name in given:
            rates[name] = given[name] * (own / before)
    return rates
