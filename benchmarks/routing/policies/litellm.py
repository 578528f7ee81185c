"""A router in the manner of LiteLLM's adaptive one.

Beta-Thompson over 7 request types, found by keywords, times models; score = 0.7 · drawn quality + 0.3 · price
score; a cell learns nothing more after 200 samples. It optimises that score whatever the caller's λ is.
"""

from __future__ import annotations

import re

import numpy as np

from benchmarks.routing.policies.base import Outcome, Round
from benchmarks.routing.table import Floats
from benchmarks.routing.world import World

_CAP = 200
_QUALITY, _PRICE = 0.7, 0.3
_TYPES = (
    re.compile(
        r"\b(write|implement|create)\b.*\b(function|class|script|program|code)\b", re.IGNORECASE | re.DOTALL
    ),
    re.compile(r"\b(debug|traceback|exception|error|bug|refactor)\b", re.IGNORECASE),
    re.compile(r"\b(architecture|design|scal(e|able)|system|database|protocol)\b", re.IGNORECASE),
    re.compile(
        r"\b(calculate|solve|prove|equation|how many|how much|probability|compute)\b|[=+]", re.IGNORECASE
    ),
    re.compile(r"\b(story|poem|essay|email|letter|rewrite|summari[sz]e)\b", re.IGNORECASE),
    re.compile(r"\b(what|who|when|where|which)\b", re.IGNORECASE),
)


def request_type(prompt: str) -> int:
    """Returns the first type whose words occur, 6 for none."""
    return next((place for place, words in enumerate(_TYPES) if words.search(prompt)), len(_TYPES))


class LiteLLMLike:
    def __init__(self, world: World, rng: np.random.Generator) -> None:
        table = world.table
        self.rng = rng
        price = table.input_usd + table.output_usd
        self.price_score = 1.0 - price / price.max()
        self.good = np.ones((len(_TYPES) + 1, len(table.arms)))
        self.bad = np.ones_like(self.good)
        self._pending: dict[int, tuple[int, int]] = {}

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        kind = request_type(shown.prompt)
        score = _QUALITY * self.rng.beta(self.good[kind], self.bad[kind]) + _PRICE * self.price_score
        return int(np.where(shown.open, score, -np.inf).argmax()), None

    def outcome(self, shown: Round, outcome: Outcome, propensity: float) -> None:
        del propensity
        kind = request_type(shown.prompt)
        if outcome.error:
            self._take(kind, outcome.arm, 0.0)
        else:
            self._pending[shown.number] = (kind, outcome.arm)

    def feedback(self, number: int, quality: float, now: float, share: float = 1.0) -> None:
        del now, share
        self._take(*self._pending.pop(number), quality)

    def _take(self, kind: int, arm: int, quality: float) -> None:
        if self.good[kind, arm] + self.bad[kind, arm] < _CAP + 2:
            self.good[kind, arm] += quality
            self.bad[kind, arm] += 1.0 - quality

    def warm(self, world: World) -> None:
        assert world.labels is not None
        table = world.table
        for row in world.labels.rows:
            kind = request_type(table.prompts[row])
            for arm, told in enumerate(world.labels.told):
                self._take(kind, arm, float(table.quality[row, told]))
