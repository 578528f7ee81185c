"""What is known of a request before it is sent, as numbers.

The kind of work says more about which model will do well than the wording does, so the vector is a
one-hot task and a few cheap statistics of the text, not an embedding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray
from bandit.tasks import TASK_COLUMNS

_STATISTICS = 10
_FIRST_STATISTIC = 1 + TASK_COLUMNS

DIMENSION = 1 + TASK_COLUMNS + _STATISTICS
"""Length of a context vector: intercept, task columns, statistics."""

_OTHER, _DIGIT, _MATHS, _CODE, _FOREIGN = range(5)
_CLASSES = 5


def _byte_classes() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    classes = np.full(256, _OTHER, dtype=np.uint8)
    classes[list(b"0123456789")] = _DIGIT
    classes[list(b"+=^*/<>\\%$")] = _MATHS
    classes[list(b"{}[]();_`#")] = _CODE
    classes[128:] = _FOREIGN
    return classes


_CLASS_OF_BYTE = _byte_classes()


@dataclass(frozen=True, slots=True)
class Context:
    """What the learner sees of a request: `x` of shape (DIMENSION,), float64 with float32 values, and the task."""

    x: FloatArray
    task: str


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the parser saw. `text` is the last user turn, `characters` counts the whole prompt."""

    route: str
    task: str | None
    system: str
    text: str
    characters: int
    turns: int
    has_tools: bool
    has_images: bool
    has_schema: bool
    stream: bool
    max_tokens: int | None
    has_audio: bool = False


def context_vector(facts: RequestFacts, slot: int | None) -> FloatArray:
    """Returns the context of a request: shape (DIMENSION,), entry 0 is 1, the others lie in [-1, 2].

    `slot` is the task's column, from `TaskRegistry.slot`, in [0, TASK_COLUMNS);
    None for a task not met before.
    """
    x = np.zeros(DIMENSION)
    x[0] = 1.0
    if slot is not None:
        x[1 + slot] = 1.0
    raw = facts.text.encode("utf-8", "replace")
    if raw:
        counts = np.bincount(_CLASS_OF_BYTE[np.frombuffer(raw, np.uint8)], minlength=_CLASSES).tolist()
        scale = 1.0 / len(raw)
        # Shares of 5-10 % are already a strong sign, hence the gains; capped so that no text dominates.
        digits = min(1.0, 5.0 * counts[_DIGIT] * scale)
        maths = min(1.0, 10.0 * counts[_MATHS] * scale)
        code = min(1.0, 10.0 * counts[_CODE] * scale)
        foreign = min(1.0, 2.0 * counts[_FOREIGN] * scale)
    else:
        digits = maths = code = foreign = 0.0
    x[_FIRST_STATISTIC:] = (
        # 150 characters is an ordinary question; one unit is a factor of about 20.
        min(2.0, max(-1.0, (math.log1p(facts.characters) - 5.0) / 3.0)),
        min(1.0, math.log(max(1, facts.turns)) / 3.0),
        facts.has_tools,
        facts.has_schema,
        facts.has_images,
        bool(facts.system),
        digits,
        maths,
        code,
        foreign,
    )
    # The journal keeps float32; a replay must see exactly what was decided on.
    return x.astype(np.float32).astype(np.float64)


def slot_of(x: FloatArray) -> int:
    """Returns the task slot that `context_vector` put into `x`."""
    return int(x[1 : 1 + TASK_COLUMNS].argmax())
