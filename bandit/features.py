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
from bandit.topics import TOPICS, read

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

_CLASSES = 6
_OTHER, _DIGIT, _MATHS, _CODE, _FOREIGN, _LINE = range(_CLASSES)


def _byte_classes() -> bytes:
    classes = np.full(256, _OTHER, dtype=np.uint8)
    classes[list(b"0123456789")] = _DIGIT
    classes[list(b"+=^*/<>\\%$")] = _MATHS
    classes[list(b"{}[]();_`#")] = _CODE
    classes[list(b"\n")] = _LINE
    classes[128:] = _FOREIGN
    return classes.tobytes()


_CLASS_OF_BYTE = _byte_classes()
_GAINS = np.array([5.0, 10.0, 10.0, 2.0, 10.0])
"""Of all classes but the first: shares of 5-10 % are already a strong sign."""


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
    x = np.zeros(DIMENSION)
    x[0] = 1.0
    if slot is not None:
        x[1 + slot] = 1.0
    shares = np.zeros(_CLASSES)
    raw = facts.text[:_READ].encode("utf-8", "replace")
    read(raw, _CLASS_OF_BYTE, x[FIRST_TOPIC:FIRST_STATISTIC], shares)
    # 150 characters is an ordinary question; one unit is a factor of about 20.
    x[FIRST_STATISTIC : FIRST_STATISTIC + 6] = (
        min(2.0, max(-1.0, (math.log1p(facts.characters) - 5.0) / 3.0)),
        min(1.0, math.log(max(1, facts.turns)) / 3.0),
        facts.has_tools,
        facts.has_schema,
        facts.has_images or facts.has_audio,
        bool(facts.system),
    )
    # Capped so that no text dominates.
    np.minimum(1.0, _GAINS * shares[1:], out=x[FIRST_STATISTIC + 6 :])
    if slot is not None:
        x[FIRST_TOPIC:] *= _BESIDE_A_TASK
    # As the journal keeps it: a replay must see what was decided on.
    return x.astype(np.float32).astype(np.float64)


def kind_of(x: FloatArray) -> int:
    """Returns the kind of work in [0, KINDS): the task's slot, else the strongest topic, else the last."""
    columns = x[1:FIRST_STATISTIC]
    kind = int(columns.argmax())  # a task's 1 comes before any topic, whose weight is below 1
    return kind if columns[kind] > 0.0 else KINDS - 1


def column_groups() -> IntArray:
    """Returns the group of each column, shape (DIMENSION,): 0 intercept, 1 tasks, 2 topics, 3 statistics."""
    groups = np.full(DIMENSION, 3, dtype=np.intp)
    groups[0] = 0
    groups[1:FIRST_TOPIC] = 1
    groups[FIRST_TOPIC:FIRST_STATISTIC] = 2
    return groups
