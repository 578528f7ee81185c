"""Additive statistics of a linear regression: what can be added, retracted, decayed and stored."""

from __future__ import annotations

import numpy as np

from bandit.arrays import FloatArray
from bandit.quality.posteriors import add_outer


class Sums:
    """Sums over some observations (x, y) of one arm with weights w.

    outer      (d, d) Σ w x xᵀ
    response   (d,) Σ w x y
    square     Σ w y²
    weight     Σ w
    """

    __slots__ = ("outer", "response", "square", "weight")

    def __init__(self, dimension: int) -> None:
        self.outer = np.zeros((dimension, dimension))
        self.response = np.zeros(dimension)
        self.square = 0.0
        self.weight = 0.0

    def add_one(self, x: FloatArray, y: float, weight: float) -> None:
        """Adds the observation y of the vector x. Raises IndexError if it has another dimension."""
        add_outer(self.outer, self.response, x, y, weight)
        self.square += weight * y * y
        self.weight += weight

    def add(self, other: Sums, factor: float = 1.0) -> None:
        """Adds `factor` times the other sums."""
        self.outer += factor * other.outer
        self.response += factor * other.response
        self.square += factor * other.square
        self.weight += factor * other.weight

    def scale(self, factor: float) -> None:
        """Multiplies all sums."""
        self.outer *= factor
        self.response *= factor
        self.square *= factor
        self.weight *= factor

    def clear(self) -> None:
        """Makes all sums 0."""
        if self.weight:
            self.scale(0.0)

    def packed(self) -> FloatArray:
        """Returns all sums as one vector of length d² + d + 2."""
        return np.concatenate([self.outer.ravel(), self.response, [self.square, self.weight]])

    def unpack(self, packed: FloatArray) -> None:
        """Restores what `packed` returned. Raises ValueError if the dimension differs."""
        size = self.response.shape[0]
        if packed.shape != (size * size + size + 2,):
            raise ValueError(f"sums of another dimension: {packed.shape}")
        self.outer = packed[: size * size].reshape(size, size).copy()
        self.response = packed[size * size : -2].copy()
        self.square = float(packed[-2])
        self.weight = float(packed[-1])
