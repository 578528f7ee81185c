import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from bandit import PRESETS, Bandit, Decision, Quote, RequestFacts, Round
from proxy.deciding import Decider


class Recorder:
    """A bandit that notes how many rounds it was asked for at a time."""

    def __init__(self) -> None:
        self.bandit = Bandit()
        for name in "abc":
            self.bandit.add_arm(name)
        self.sizes: list[int] = []
        self.broken = False

    def decide_many(self, rounds: list[Round], candidates: np.ndarray, *, now: float) -> list[Decision]:
        self.sizes.append(len(rounds))
        if self.broken:
            raise FloatingPointError("a posterior isn't finite")
        return self.bandit.decide_many(rounds, candidates, now=now)

    def round(self, arms: int = 3) -> Round:
        facts = RequestFacts("auto", None, "", "Hi", 2, 1, False, False, False, False, None)
        quote = Quote(np.zeros(arms), np.zeros(arms))
        return Round(self.bandit.context(facts).x, quote, PRESETS["balanced"], None, 0.5)


def candidate_set(*indices: int) -> SimpleNamespace:
    return SimpleNamespace(indices=np.array(indices))


async def test_what_is_asked_in_one_turn_of_the_loop_is_decided_at_once() -> None:
    recorder, arms = Recorder(), candidate_set(0, 1, 2)
    decider = Decider(SimpleNamespace(bandit=recorder), asyncio.get_running_loop())
    decisions = await asyncio.gather(*(decider.decide(recorder.round(), arms) for _ in range(5)))
    assert recorder.sizes == [5]
    assert all(d.probabilities.sum() == pytest.approx(1.0) for d in decisions)
    await decider.decide(recorder.round(), arms)
    assert recorder.sizes == [5, 1]


async def test_requests_with_other_candidates_are_decided_apart() -> None:
    recorder, all_three, two = Recorder(), candidate_set(0, 1, 2), candidate_set(1, 2)
    decider = Decider(SimpleNamespace(bandit=recorder), asyncio.get_running_loop())
    wanted = [(3, all_three), (2, two), (3, all_three)]
    decisions = await asyncio.gather(*(decider.decide(recorder.round(k), arms) for k, arms in wanted))
    assert sorted(recorder.sizes) == [1, 2]
    assert [d.probabilities.shape for d in decisions] == [(3,), (2,), (3,)]
    assert decisions[1].arm in (1, 2)


async def test_a_failure_reaches_everybody_who_waited_and_nobody_after() -> None:
    recorder, arms = Recorder(), candidate_set(0, 1, 2)
    decider = Decider(SimpleNamespace(bandit=recorder), asyncio.get_running_loop())
    recorder.broken = True
    waiting = [decider.decide(recorder.round(), arms) for _ in range(3)]
    waiting[0].cancel()  # its client left before the decision
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [
        asyncio.CancelledError,
        FloatingPointError,
        FloatingPointError,
    ]
    recorder.broken = False
    assert (await decider.decide(recorder.round(), arms)).propensity > 0.0
