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

_READ = 4000
"""Bytes of the text that are looked at: the rest of a long one seldom changes the subject."""

_OTHER, _DIGIT, _MATHS, _CODE, _FOREIGN, _LINE = range(6)
_CLASSES = 6


def _byte_classes() -> bytes:
    classes = np.full(256, _OTHER, dtype=np.uint8)
    classes[list(b"0123456789")] = _DIGIT
    classes[list(b"+=^*/<>\\%$")] = _MATHS
    classes[list(b"{}[]();_`#")] = _CODE
    classes[list(b"\n")] = _LINE
    classes[128:] = _FOREIGN
    return classes.tobytes()


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

    `slot` is the task's column, from `TaskRegistry`, in [0, TASK_COLUMNS); None for none.
    """
    x = np.zeros(
        DIMENSION, dtype=np.float32
    )  # as the journal keeps it: a replay must see what was decided on
    x[0] = 1.0
    if slot is not None:
        x[1 + slot] = 1.0
    raw = facts.text[:_READ].encode("utf-8", "replace")
    for topic, weight in topic_weights(raw):
        x[FIRST_TOPIC + topic] = weight
    digits = maths = code = foreign = lines = 0.0
    if raw:
        classes = raw.translate(_CLASS_OF_BYTE)
        counts = [classes.count(kind) for kind in range(_CLASSES)]
        scale = 1.0 / len(raw)
        # Shares of 5-10 % are already a strong sign, hence the gains; capped so that no text dominates.
        digits = min(1.0, 5.0 * counts[_DIGIT] * scale)
        maths = min(1.0, 10.0 * counts[_MATHS] * scale)
        code = min(1.0, 10.0 * counts[_CODE] * scale)
        foreign = min(1.0, 2.0 * counts[_FOREIGN] * scale)
        lines = min(1.0, 10.0 * counts[_LINE] * scale)
    x[FIRST_STATISTIC:] = (
        # 150 characters is an ordinary question; one unit is a factor of about 20.
        min(2.0, max(-1.0, (math.log1p(facts.characters) - 5.0) / 3.0)),
        min(1.0, math.log(max(1, facts.turns)) / 3.0),
        facts.has_tools,
        facts.has_schema,
        facts.has_images or facts.has_audio,
        bool(facts.system),
        digits,
        maths,
        code,
        foreign,
        lines,
    )
    return x.astype(np.float64)


def kind_of(x: FloatArray) -> int:
    """Returns the kind of work in [0, KINDS): the task's slot, else the strongest topic, else the last."""
    columns = x[1:FIRST_STATISTIC]
    task = int(columns[:TASK_COLUMNS].argmax())
    if columns[task] > 0.0:
        return task
    topic = int(columns.argmax())
    return topic if columns[topic] > 0.0 else KINDS - 1


def column_groups() -> IntArray:
    """Returns the group of each column, shape (DIMENSION,): 0 intercept, 1 tasks, 2 topics, 3 statistics."""
    groups = np.full(DIMENSION, 3, dtype=np.intp)
    groups[0] = 0
    groups[1:FIRST_TOPIC] = 1
    groups[FIRST_TOPIC:FIRST_STATISTIC] = 2
    return groups
