"""What happens in the demo, and when: the market's changes by number of requests sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from proxy.market.conditions import Conditions

Kind = Literal["price", "quality", "down", "up", "offer"]


@dataclass(frozen=True, slots=True)
class Event:
    """One change just before request number `at`; `kind` and `amount` are the market's command."""

    at: int
    kind: Kind
    arm: str
    amount: float
    title: str


@dataclass(frozen=True)
class Story:
    """The arms on offer at the start, those that come later, and the events in their order."""

    arms: tuple[str, ...]
    withheld: tuple[str, ...]
    events: tuple[Event, ...]

    def conditions_at(self, index: int) -> dict[str, Conditions]:
        """Returns the state of every arm on offer when request `index` is sent."""
        conditions = {arm: Conditions() for arm in self.arms}
        for event in self.events:
            if event.at <= index:
                _apply(event, conditions)
        return conditions

    def event(self, kind: Kind) -> Event:
        """Returns the event of that kind."""
        return next(event for event in self.events if event.kind == kind)

    @property
    def phases(self) -> list[int]:
        """The request numbers at which something changes, beginning with 0."""
        return [0, *(event.at for event in self.events)]


def _apply(event: Event, conditions: dict[str, Conditions]) -> None:
    before = conditions.get(event.arm, Conditions())
    match event.kind:
        case "price":
            after = replace(before, price_factor=event.amount)
        case "quality":
            after = replace(before, kept_quality=event.amount)
        case "down" | "up":
            after = replace(before, up=event.kind == "up")
        case "offer":
            after = before
    conditions[event.arm] = after


VALUE_USD = 0.005
"""What a right answer is worth: half a cent, as in the preset "cheap".

With it every phase of the story has another best arm; with two cents, quality alone would decide.
"""


def default_story(requests: int) -> Story:
    """Spreads the five changes over `requests`. Each hits an arm that is, or is about to be, the best one."""
    pro, flash = "birch/gemini-1.5-pro", "birch/gemini-1.5-flash"
    llama, deepseek = "cedar/llama-3.1-70b", "douglas/deepseek-v2"

    def at(fraction: float) -> int:
        return round(fraction * requests)

    return Story(
        arms=("alder/gpt-4o", pro, llama, "cedar/llama-3.1-8b", "cedar/mixtral-8x7b", deepseek),
        withheld=(flash,),
        events=(
            Event(at(0.25), "price", pro, 5.0, f"the price of {pro} rises 5x"),
            Event(at(0.45), "quality", llama, 0.1, f"the quality of {llama} collapses to a tenth"),
            Event(at(0.65), "down", deepseek, 0.0, f"{deepseek} goes down: connections are refused"),
            Event(at(0.72), "up", deepseek, 0.0, f"{deepseek} is back"),
            Event(at(0.75), "offer", flash, 0.0, f"a new arm: {flash}"),
        ),
    )
