"""The few of many candidates that compete for a decision: those that could be best by a bound that is cheap to compute.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

import numpy as np

from bandit.decision.arm_probabilities import MOST

SIZE = MOST
_SIZE = SIZE
"""Candidates that compete for one decision, at most; the others get the floor. What hundreds of arms would add to the
cost of a request, they'd hardly add to its answer."""


class Shortlist:
    """The positions of the candidates that compete, in their order.

    bound       (k,) what each candidate is worth at best, in any unit: the largest are selected
    positions   (SIZE,) the selected ones
    """

    def __init__(self) -> None:
        self.bound = np.empty(0)
        self.order = np.empty(0)
        self.positions = np.empty(SIZE, dtype=np.intp)

    def make_room(self, count: int) -> None:
        """Makes room for `count` candidates."""
        self.bound, self.order = np.empty(count), np.empty(count)

    def select(self, count: int) -> int:
        """Writes the positions of the candidates with the largest `bound`, of equal ones the first, and returns how
        many: all `count` where they are few.
        """
        if count <= _SIZE:
            for position in range(count):
                self.positions[position] = position
            return count
        least, selected, equal = self._least(count), 0, _SIZE
        for position in range(count):
            if self.bound[position] > least:
                equal -= 1
        for position in range(count):
            if selected < _SIZE and self.bound[position] >= least:
                if self.bound[position] == least:
                    if equal == 0:
                        continue
                    equal -= 1
                self.positions[selected] = position
                selected += 1
        return selected

    def _least(self, count: int) -> float:
        """Returns the SIZE-th largest bound.

        Reference: C. A. R. Hoare (1961), "Algorithm 65: find".
        """
        order = self.order
        for position in range(count):
            order[position] = self.bound[position]
        wanted, low, high = count - _SIZE, 0, count - 1
        while low < high:
            pivot, left, right = order[(low + high) // 2], low, high
            while left <= right:
                while order[left] < pivot:
                    left += 1
                while order[right] > pivot:
                    right -= 1
                if left <= right:
                    order[left], order[right] = order[right], order[left]
                    left += 1
                    right -= 1
            if wanted <= right:
                high = right
            elif wanted >= left:
                low = left
            else:
                break
        return float(order[wanted])
