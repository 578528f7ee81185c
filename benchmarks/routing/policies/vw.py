"""Vowpal Wabbit's contextual exploration with action-dependent features, its defaults otherwise.

The context is the same vector as the linear peers', crossed with the arm's name (`-q sa`). Costs are
1 − reward, in the library's default range [0, 1] unless an answer is very dear; each round is one example with the logged probability.
"""

from __future__ import annotations

import numpy as np
from vowpalwabbit import Workspace

from benchmarks.routing.policies.base import Round, ScalarPolicy
from benchmarks.routing.table import Floats
from benchmarks.routing.world import World


class VowpalWabbit(ScalarPolicy):
    """`kind` is the exploration's option: "--squarecb", "--bag 5" or "--regcb"."""

    def __init__(self, world: World, rng: np.random.Generator, kind: str) -> None:
        super().__init__(world, rng)
        self.shown: list[int] = []
        seed = int(rng.integers(1, 2**31))
        self.workspace = Workspace(f"--cb_explore_adf {kind} -q sa --quiet --random_seed {seed}")

    def select(self, shown: Round) -> tuple[int, Floats | None]:
        arms = np.flatnonzero(shown.open)
        self.shown = arms.tolist()
        found = self.workspace.predict([shared(shown.x), *(f"|a arm{arm}" for arm in arms)])
        probabilities = np.zeros(self.arms)
        probabilities[arms] = np.maximum(0.0, found)
        probabilities /= probabilities.sum()
        place = int(np.searchsorted(np.cumsum(probabilities), shown.uniform, side="right"))
        return min(place, int(arms[-1])), probabilities

    def update(self, x: Floats, arm: int, reward: float, propensity: float) -> None:
        # All actions are shown: the importance weight of the default estimator depends on their number.
        label = f"0:{1.0 - reward:.6f}:{max(propensity, 1e-3):.6f} "
        actions = sorted({*self.shown, arm})
        self.workspace.learn([shared(x), *(f"{label if one == arm else ''}|a arm{one}" for one in actions)])


def shared(x: Floats) -> str:
    """Returns the line of shared features; entry 0, the constant, is added by the library itself."""
    filled = np.flatnonzero(x[1:])
    return "shared |s " + " ".join(f"f{place}:{x[1 + place]:.4f}" for place in filled)
