"""How fast traffic followed the market: the requests between a change and its effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.market.demo.story import Event, Story
from proxy.market.demo.traffic import Answered

_BEFORE = 100
_MOVED_WINDOW = 20
_WINDOW = 50

GONE_SHARE = 0.05
FOUND_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Milestone:
    """One change: what was waited for, after how many requests it came (None: never), and the target."""

    event: Event
    meaning: str
    requests: int | None
    target: int
    share_before: float
    share_later: float

    @property
    def met(self) -> bool:
        return self.requests is not None and self.requests <= self.target


def milestones(story: Story, answers: Sequence[Answered]) -> list[Milestone]:
    """Measures the price rise, the collapse and the newcomer. `answers` are in the order of `index`."""
    arms = [answer.arm for answer in answers]

    def measure(event: Event, meaning: str, window: int, share: float, target: int) -> Milestone:
        before = _share(arms[max(0, event.at - _BEFORE) : event.at], event.arm)
        later = arms[event.at :]
        bound = share * before if event.kind == "price" else share
        reached = None
        for end in range(window, len(later) + 1):
            now = _share(later[end - window : end], event.arm)
            if (now >= bound) if event.kind == "offer" else (now < bound or now == 0.0):
                reached = end
                break
        after = _share(later[max(0, target - window) : target], event.arm)
        return Milestone(event, meaning, reached, target, before, after)

    return [
        measure(
            story.event("price"),
            f"under half of that over {_MOVED_WINDOW} requests",
            _MOVED_WINDOW,
            0.5,
            50,
        ),
        measure(
            story.event("quality"),
            f"under {GONE_SHARE:.0%} over {_WINDOW} requests",
            _WINDOW,
            GONE_SHARE,
            300,
        ),
        measure(
            story.event("offer"),
            f"{FOUND_SHARE:.0%} or more over {_WINDOW} requests",
            _WINDOW,
            FOUND_SHARE,
            400,
        ),
    ]


def _share(arms: Sequence[str | None], arm: str) -> float:
    return sum(name == arm for name in arms) / len(arms) if arms else 0.0
