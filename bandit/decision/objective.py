"""What a caller wants: the worth of quality, money and time in US dollars, and targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bandit.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Objective:
    """utility = value_usd · quality − cost_usd − second_usd · seconds, for one request.

    value_usd             what a perfect answer is worth, US dollars, > 0
    second_usd            what a second of waiting costs, US dollars, ≥ 0
    whole_answer          waiting means the whole answer; else only the time to the first token
    max_usd_per_request   hold the expected cost of a request at or below this
    min_quality           cheapest mix whose expected quality is at least this fraction, in (0, 1], of
                          the best arm's; value_usd then only breaks ties
    max_exploration       largest share of draws, in (0, 1], that may go to arms other than the one that is
                          best by today's estimates; the floor of every arm comes out of it
    """

    value_usd: float
    second_usd: float
    whole_answer: bool = True
    max_usd_per_request: float | None = None
    min_quality: float | None = None
    max_exploration: float | None = None

    @property
    def has_targets(self) -> bool:
        """True if something is to be held on average over many requests."""
        return self.max_usd_per_request is not None or self.min_quality is not None

    def terms(self) -> dict[str, object]:
        """Returns the fields by name, as the journal and an explanation show them."""
        # Written out, as it is asked for with every request: dataclasses.asdict takes ten times as long.
        return {
            "value_usd": self.value_usd,
            "second_usd": self.second_usd,
            "whole_answer": self.whole_answer,
            "max_usd_per_request": self.max_usd_per_request,
            "min_quality": self.min_quality,
            "max_exploration": self.max_exploration,
        }


# An answer of a large model costs 0.1 to 1 cent, of a small one a hundredth of that. "balanced" gives
# 0.5 cents for ten points of quality; "best" gives ten cents, "cheap" a twentieth of a cent.
PRESETS: Mapping[str, Objective] = MappingProxyType(
    {
        "best": Objective(value_usd=1.0, second_usd=0.0),
        "balanced": Objective(value_usd=0.05, second_usd=0.0002),
        "cheap": Objective(value_usd=0.005, second_usd=0.00002),
        "fast": Objective(value_usd=0.05, second_usd=0.005),
    }
)


@dataclass(slots=True, init=False)
class Quote:
    """Today's price of this request at each candidate, arrays of shape (k,).

    fixed_usd    input tokens and per-request fee, US dollars
    output_usd   US dollars per output token
    """

    fixed_usd: FloatArray
    output_usd: FloatArray

    def __init__(self, fixed_usd: FloatArray, output_usd: FloatArray) -> None:
        self.fixed_usd = fixed_usd
        self.output_usd = output_usd
