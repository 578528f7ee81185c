"""The context vector: facts of a request, as numbers.

The kind of work predicts better than the wording which model will do well, so the vector is a one-hot task, subjects and a
few cheap statistics of the text, not an embedding.

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np
from numpy.typing import NDArray

from bandit.arrays import FloatArray, IntArray
from bandit.context.facts import RequestFacts
from bandit.context.tasks import TASK_COLUMNS
from bandit.context.topics import CLASSES, TOPICS, byte_table

if cython.compiled:
    from cython.cimports.libc.math import log, log1p
else:
    from math import log, log1p

    from bandit.context.topics import read

_STATISTICS = 11
FIRST_TOPIC = 1 + TASK_COLUMNS
FIRST_STATISTIC = FIRST_TOPIC + len(TOPICS)

DIMENSION = FIRST_STATISTIC + _STATISTICS
"""Length of a context vector: intercept, task columns, topics, statistics."""

KINDS = TASK_COLUMNS + len(TOPICS) + 1
"""Kinds of work that `kind_of` tells apart."""

_TOPICS_ADDED = 4
"""The last topics, which contexts of the journal's first rows may lack."""

_READ = 2000
"""Bytes of the text that are read: the rest of a long one seldom changes the subject."""

_BESIDE_A_TASK = 0.5
"""Factor on topics and statistics where the task is known: arms differ less by them then."""

_OTHER, _DIGIT, _MATHS, _CODE, _FOREIGN, _LINE = range(CLASSES)


def _byte_classes() -> bytes:
    classes = np.full(256, _OTHER, dtype=np.uint8)
    classes[list(b"0123456789")] = _DIGIT
    classes[list(b"+=^*/<>\\%$")] = _MATHS
    classes[list(b"{}[]();_`#")] = _CODE
    classes[list(b"\n")] = _LINE
    classes[128:] = _FOREIGN
    return classes.tobytes()


_CLASSES, _TABLE = CLASSES, byte_table(_byte_classes())
_BYTES: Any = np.array(_TABLE, dtype=np.intp) if cython.compiled else _TABLE
_SHARES = np.zeros(CLASSES)
_GAINS = np.array([0.0, 5.0, 10.0, 10.0, 2.0, 10.0])
"""Factors on the shares of the classes of bytes: shares of 5-10 % are already a strong sign."""

_ROUNDED = np.zeros(DIMENSION, dtype=np.float32)


def context_vector(facts: RequestFacts, slot: int | None) -> FloatArray:
    """Returns the context of a request: shape (DIMENSION,), entry 0 is 1, the others lie in [-1, 2].

    Entries: intercept, one-hot task, topics in [0, 1) (`topics`), statistics. `slot` is the task's column, from
    `TaskRegistry`, in [0, TASK_COLUMNS); None for none.
    """
    x = np.zeros(DIMENSION)
    x[0] = 1.0
    if slot is not None:
        x[1 + slot] = 1.0
    values, shares = x, _SHARES
    raw = facts.text[:_READ].encode("utf-8", "replace")
    read(raw, _BYTES, values[FIRST_TOPIC:FIRST_STATISTIC], shares)
    # 150 characters is an ordinary question; one unit is a factor of about 20.
    at = FIRST_STATISTIC
    values[at] = min(2.0, max(-1.0, (log1p(facts.characters) - 5.0) / 3.0))
    values[at + 1] = min(1.0, log(max(1, facts.turns)) / 3.0)
    values[at + 2] = facts.has_tools
    values[at + 3] = facts.has_schema
    values[at + 4] = facts.has_images or facts.has_audio
    values[at + 5] = bool(facts.system)
    for kind in range(1, _CLASSES):
        # Capped so that no text dominates.
        values[at + 5 + kind] = min(1.0, _GAINS[kind] * shares[kind])
    if slot is not None:
        for column in range(FIRST_TOPIC, DIMENSION):
            values[column] *= _BESIDE_A_TASK
    for column in range(DIMENSION):  # as the journal keeps it: a replay must see what was decided on
        _ROUNDED[column] = values[column]
        values[column] = _ROUNDED[column]
    return x


def with_task(x: FloatArray, slot: int) -> FloatArray:
    """Returns the context with task `slot` for `x`, the context of the same request without a task."""
    result = x.copy()
    result[1 + slot] = 1.0
    result[FIRST_TOPIC:] *= _BESIDE_A_TASK
    return result


def kind_of(x: FloatArray) -> int:
    """Returns the kind of work in [0, KINDS): the task's slot, else the strongest topic, else the last."""
    if x.shape[0] != DIMENSION:
        raise IndexError(f"a context of {x.shape[0]}, not {DIMENSION}")
    # A task's 1 comes before any topic, whose weight is below 1.
    kind, most = KINDS - 1, 0.0
    for column in range(1, FIRST_STATISTIC):
        if x[column] > most:
            kind, most = column - 1, x[column]
    return kind


def journal_context(context: NDArray[np.floating]) -> FloatArray:
    """Returns the context of a journal's row as float64 of shape (DIMENSION,), not copied where it is that already.

    A row written before topics were added lacks their columns, which become 0. Raises ValueError for any other
    length.
    """
    missing = DIMENSION - context.shape[0]
    x: FloatArray = context.astype(np.float64, copy=False)
    if missing == 0:
        return x
    if missing != _TOPICS_ADDED:
        raise ValueError(f"a context of {context.shape[0]}, not {DIMENSION}")
    return np.insert(x, FIRST_STATISTIC - missing, np.zeros(missing))


def column_groups() -> IntArray:
    """Returns the group of each column, shape (DIMENSION,): 0 intercept, 1 tasks, 2 topics, 3 statistics."""
    groups = np.full(DIMENSION, 3, dtype=np.intp)
    groups[0] = 0
    groups[1:FIRST_TOPIC] = 1
    groups[FIRST_TOPIC:FIRST_STATISTIC] = 2
    return groups
