"""What is known of a request before it is sent, as numbers.

The kind of work says more about which model will do well than the wording does, so the vector is a
one-hot task and a few cheap statistics of the text, not an embedding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bandit.arrays import FloatArray, IntArray
from bandit.tasks import TASK_COLUMNS
from bandit.topics import TOPICS, topic_weights

_STATISTICS = 11
FIRST_TOPIC = 1 + TASK_COLUMNS
FIRST_STATISTIC = FIRST_TOPIC + len(TOPICS)

DIMENSION = FIRST_STATISTIC + _STATISTICS
"""Length of a context vector: intercept, task columns, topics, statistics."""

KINDS = TASK_COLUMNS + len(TOPICS) + 1
"""Kinds of work that `kind_of` tells apart."""

_READ = 1000
"""Bytes of the text that are looked at: the rest of a long one seldom changes the subject."""

_BESIDE_A_TASK = 0.5
"""Factor on all that is read off the wording where the kind of work is known: arms differ less by it then."""

_OTHER, _DIGIT, _MATHS, _CODE, _FOREIGN, _LINE = range(6)


def _byte_classes() -> bytes:
    classes = np.full(256, _OTHER, dtype=np.uint8)
    classes[list(b"0123456789")] = _DIGIT
    classes[list(b"+=^*/<>\\%$")] = _MATHS
    classes[list(b"{}[]();_`#")] = _CODE
    classes[list(b"\n")] = _LINE
    classes[128:] = _FOREIGN
    return classes.tobytes()


_CLASS_OF_BYTE = _byte_classes()
_GAINS = ((_DIGIT, 5.0), (_MATHS, 10.0), (_CODE, 10.0), (_FOREIGN, 2.0), (_LINE, 10.0))
_BLANK = [1.0] + [0.0] * (DIMENSION - 1)


@dataclass(slots=True)
class Context:
    """What the learner sees of a request: `x` of shape (DIMENSION,), float64 with float32 values, and the task."""

    x: FloatArray
    task: str


@dataclass(slots=True)
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

    `slot` is the task's column, from `TaskRegistry`, in [0, TASK_COLUMNS); None for none.
    """
    values = _BLANK.copy()
    if slot is not None:
        values[1 + slot] = 1.0
    raw = facts.text[:_READ].encode("utf-8", "replace")
    for topic, weight in topic_weights(raw):
        values[FIRST_TOPIC + topic] = weight
    # 150 characters is an ordinary question; one unit is a factor of about 20.
    values[FIRST_STATISTIC] = min(2.0, max(-1.0, (math.log1p(facts.characters) - 5.0) / 3.0))
    values[FIRST_STATISTIC + 1] = min(1.0, math.log(max(1, facts.turns)) / 3.0)
    values[FIRST_STATISTIC + 2] = float(facts.has_tools)
    values[FIRST_STATISTIC + 3] = float(facts.has_schema)
    values[FIRST_STATISTIC + 4] = float(facts.has_images or facts.has_audio)
    values[FIRST_STATISTIC + 5] = float(bool(facts.system))
    if raw:
        classes = raw.translate(_CLASS_OF_BYTE)
        scale = 1.0 / len(raw)
        # Shares of 5-10 % are already a strong sign, hence the gains; capped so that no text dominates.
        values[FIRST_STATISTIC + 6 :] = [
            min(1.0, gain * classes.count(kind) * scale) for kind, gain in _GAINS
        ]
    if slot is not None:
        values[FIRST_TOPIC:] = [_BESIDE_A_TASK * value for value in values[FIRST_TOPIC:]]
    # As the journal keeps it: a replay must see what was decided on.
    return np.array(values, dtype=np.float32).astype(np.float64)


def kind_of(x: FloatArray) -> int:
    """Returns the kind of work in [0, KINDS): the task's slot, else the strongest topic, else the last."""
    columns = x[1:FIRST_STATISTIC]
    kind = int(columns.argmax())  # a task's 1 comes before any topic, whose weight is below 1
    return kind if columns[kind] > 0.0 else KINDS - 1


def kinds_of(contexts: FloatArray) -> list[int]:
    """Returns `kind_of` of each row of (b, DIMENSION)."""
    columns = contexts[:, 1:FIRST_STATISTIC]
    kinds = np.where(columns.max(axis=1) > 0.0, columns.argmax(axis=1), KINDS - 1)
    found: list[int] = kinds.tolist()
    return found


def column_groups() -> IntArray:
    """Returns the group of each column, shape (DIMENSION,): 0 intercept, 1 tasks, 2 topics, 3 statistics."""
    groups = np.full(DIMENSION, 3, dtype=np.intp)
    groups[0] = 0
    groups[1:FIRST_TOPIC] = 1
    groups[FIRST_TOPIC:FIRST_STATISTIC] = 2
    return groups
