"""Cheap statistics of a prompt, given alike to every peer that takes a feature vector.

They are those that the gateway reads too: length, and the shares of digits, mathematical signs, code
punctuation and bytes beyond ASCII. The production policy makes its own features from the same prompt.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

STATISTICS = 6

_GROUPS = (b"0123456789", b"+=^*/<>\\%$", b"{}[]();_`#", b"\n", bytes(range(128, 256)))
_GAINS = (5.0, 10.0, 10.0, 10.0, 2.0)


def _classes() -> npt.NDArray[np.uint8]:
    classes = np.zeros(256, dtype=np.uint8)
    for position, group in enumerate(_GROUPS, start=1):
        classes[list(group)] = position
    return classes


_CLASS_OF_BYTE = _classes()


def text_statistics(text: str) -> npt.NDArray[np.float64]:
    """Returns shape (STATISTICS,), entries in [-1, 2]."""
    raw = text.encode("utf-8", "replace")
    counts = np.bincount(_CLASS_OF_BYTE[np.frombuffer(raw, np.uint8)], minlength=len(_GROUPS) + 1)
    shares = counts[1:] / max(1, len(raw)) * np.array(_GAINS)
    length = min(2.0, max(-1.0, (math.log1p(len(text)) - 5.0) / 3.0))
    return np.concatenate([[length], np.minimum(1.0, shares)])
