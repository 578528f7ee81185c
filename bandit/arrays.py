"""Array types, and growing arrays whose first axis is the arm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


def with_row(array: FloatArray, row: FloatArray | float) -> FloatArray:
    """Returns `array` (n, …) with one more row (…): shape (n + 1, …)."""
    grown = np.empty((array.shape[0] + 1, *array.shape[1:]))
    grown[:-1] = array
    grown[-1] = row
    return grown
