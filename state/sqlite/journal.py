"""The journal's SQL: what is written in a transaction and what is read back."""

# ruff: noqa: S608 - queries are put together from constants of this package; values are always bound

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from state.records import EVERYBODY, Decision, Event, Feedback, FeedbackResult, Viewer
from state.sqlite import arms, labels, owners, prices
from state.sqlite.migrations import BLOCK_BITS
from state.sqlite.owners import Names, Numbers
from state.sqlite.rows import (
    DECISION_COLUMNS,
    FEEDBACK_COLUMNS,
    PLAIN_COLUMNS,
    Row,
    dumps,
    frame_of,
    hash_of,
    pack_decision,
    pack_feedback,
    storable,
    text,
    unpack_decision,
    unpack_feedback,
    unpack_floats,
)
from state.sqlite.texts import TextIds, Texts

_INSERT_DECISION = {
    len(
        columns.split(",")
    ): f"INSERT INTO decisions ({columns}) VALUES ({', '.join('?' for _ in columns.split(','))})"
    for columns in (PLAIN_COLUMNS, DECISION_COLUMNS)
}
"""By the number of values."""

_INSERT_FEEDBACK = (
    f"INSERT INTO feedback ({FEEDBACK_COLUMNS}, decision, previous, principal)"
    f" VALUES ({', '.join('?' * (FEEDBACK_COLUMNS.count(',') + 4))})"
)
_SLICE = 16
_BREATH_S = 1e-6
"""A batch is written in slices of so many rows, and the thread sleeps for a moment between two: where it shares a core
with the event loop, that could not go on before the whole batch is written, however often SQLite lets go of the
interpreter. A request in fifty would wait for it."""

_UNSTORABLE = (UnicodeEncodeError, OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
_WIDEN_BLOCK = (
    "INSERT INTO blocks VALUES (?, ?, ?) ON CONFLICT (block) DO UPDATE"
    " SET min_at = min(min_at, excluded.min_at), max_at = max(max_at, excluded.max_at)"
)


_IN_BLOCK = f"SELECT max(seq) FROM decisions WHERE seq >> {BLOCK_BITS} = +b.block"


def _newest(condition: str) -> str:
    # Block by block, newest first, until one has the id under either name. The plus takes the integer affinity
    # away, with which SQLite would not use the indexes over an expression.
    return (
        f"SELECT ifnull(({_IN_BLOCK} AND request_hash = ?1 AND request_id = ?2{condition}),"
        f" ({_IN_BLOCK} AND id_hash = ?1 AND id = ?2{condition})) AS found"
        " FROM blocks b WHERE found IS NOT NULL ORDER BY b.block DESC LIMIT 1"
    )


_NEWEST = _newest("")
_NEWEST_OWN = _newest(f" AND {owners.own('?3', '?4')}")
_FEEDBACK_OF = f"SELECT {FEEDBACK_COLUMNS} FROM feedback WHERE decision = ? AND metric = ?"
_FEEDBACK_WITH_DECISION = (
    "SELECT "
    + ", ".join(f"f.{column}" for column in FEEDBACK_COLUMNS.split(", "))
    + ", f.previous, d.arm, d.task, d.context FROM feedback f JOIN decisions d ON d.seq = f.decision"
)


def append(
    connection: sqlite3.Connection,
    texts: TextIds,
    numbers: Numbers,
    decisions: Sequence[Decision],
    feedback: Sequence[Feedback],
) -> tuple[int, list[FeedbackResult]]:
    """Writes both inside the caller's transaction; sets the records' fields last, when nothing can fail."""
    first, epoch = connection.execute("SELECT next, texts_epoch FROM sequence").fetchone()
    texts.begin(epoch)
    for start in range(0, len(decisions), _SLICE):
        if start:
            time.sleep(_BREATH_S)
        _insert(
            connection, _packed(connection, texts, numbers, decisions[start : start + _SLICE], first + start)
        )
    if decisions:
        _widen_blocks(connection, first, [decision.at for decision in decisions])
    taken = first + len(decisions)
    results: list[FeedbackResult] = []
    fresh: list[tuple[Feedback, Feedback]] = []
    for item in feedback:
        status, stored = _append_feedback(connection, numbers, item, taken)
        if status in ("new", "corrected") and stored is not None:
            fresh.append((item, stored))
            taken += 1
            results.append(FeedbackResult(status, item))
        else:
            results.append(FeedbackResult(status, stored))
    if taken != first:
        connection.execute("UPDATE sequence SET next = ?", (taken,))
    for seq, decision in enumerate(decisions, start=first):
        decision.seq = seq
    for item, stored in fresh:
        item.seq, item.arm, item.task = stored.seq, stored.arm, stored.task
        item.context, item.previous = stored.context, stored.previous
    return first, results


def _packed(
    connection: sqlite3.Connection,
    texts: TextIds,
    numbers: Numbers,
    decisions: Sequence[Decision],
    first: int,
) -> list[Row]:
    """Returns the rows of decisions, numbered from `first` on; texts they are the first to name are stored."""
    rows: list[Row] = []
    names: tuple[str, ...] | None = None
    candidates: int | None = None
    for seq, decision in enumerate(decisions, start=first):
        if decision.arms is not names or candidates is None:  # hundreds of names are long to hash
            names = decision.arms
            candidates = texts.cached(names)
            if candidates is None:
                candidates = texts.store(connection, names, dumps(names))
        body = frame_of(decision)
        frame = texts.cached(body)
        if frame is None:
            frame = texts.store(connection, body, body)
        principal = numbers.of(connection, decision.key, decision.team)
        rows.append(pack_decision(decision, seq, candidates, frame, principal))
    return rows


def _insert(connection: sqlite3.Connection, rows: list[Row]) -> None:
    for width, statement in _INSERT_DECISION.items():
        alike = [row for row in rows if len(row) == width]
        try:
            connection.executemany(statement, alike)
        except _UNSTORABLE:
            taken = [(row[0],) for row in alike]
            connection.executemany("DELETE FROM decisions WHERE seq = ?", taken)
            connection.executemany(statement, map(storable, alike))


def _widen_blocks(connection: sqlite3.Connection, first: int, times: list[float]) -> None:
    start = 0
    while start < len(times):
        block = (first + start) >> BLOCK_BITS
        end = min(((block + 1) << BLOCK_BITS) - first, len(times))
        finite = [at for at in times[start:end] if math.isfinite(at)] or [0.0]
        connection.execute(_WIDEN_BLOCK, (block, min(finite), max(finite)))
        start = end


def _append_feedback(
    connection: sqlite3.Connection, numbers: Numbers, item: Feedback, seq: int
) -> tuple[str, Feedback | None]:
    decision = find(connection, item.id, item.by)
    if decision is None:
        return "unknown", None
    arm, task, blob = connection.execute(
        "SELECT arm, task, context FROM decisions WHERE seq = ?", (decision,)
    ).fetchone()
    context = unpack_floats(blob)
    of_metric = (decision, text(item.metric))
    principal = numbers.of(connection, *item.by.owner)
    if item.idempotency_key is not None:
        seen = connection.execute(
            f"{_FEEDBACK_OF} AND idempotency_key = ? AND ifnull(principal, ?4) = ?4 LIMIT 1",
            (*of_metric, text(item.idempotency_key), principal),
        ).fetchone()
        if seen is not None:
            return "repeated", unpack_feedback(seen, arm=arm, task=task, context=context)
    in_force = connection.execute(f"{_FEEDBACK_OF} ORDER BY seq DESC LIMIT 1", of_metric).fetchone()
    previous = None if in_force is None else unpack_feedback(in_force, arm=arm, task=task, context=context)
    if previous is not None and previous.value == item.value:
        return "repeated", previous
    row = pack_feedback(item, seq, decision, None if previous is None else previous.seq, principal)
    try:
        connection.execute(_INSERT_FEEDBACK, row)
    except _UNSTORABLE:
        connection.execute(_INSERT_FEEDBACK, storable(row))
    stored = replace(item, seq=seq, arm=arm, task=task, context=context, previous=previous)
    return ("new" if previous is None else "corrected"), stored


def find(connection: sqlite3.Connection, id: str, viewer: Viewer = EVERYBODY) -> int | None:
    """Returns the seq of the newest decision with this `request_id` or `id` that the viewer may see, its own first."""
    wanted = text(id)
    name = (hash_of(wanted), wanted)
    row = connection.execute(_NEWEST_OWN, (*name, *owners.of(viewer))).fetchone()
    if row is None and viewer.everywhere:
        row = connection.execute(_NEWEST, name).fetchone()
    return None if row is None else int(row[0])


def session(
    connection: sqlite3.Connection, texts: Texts, names: Names, session: str, limit: int, viewer: Viewer
) -> list[Decision]:
    """Returns the latest decisions of a session, newest first: the viewer's own, else what else it may see."""
    clause = "WHERE session = ?{} ORDER BY seq DESC LIMIT ?"
    wanted = text(session)
    values = (wanted, *owners.of(viewer), limit)
    decisions = decisions_where(connection, texts, names, clause.format(f" AND {owners.own()}"), values)
    if not decisions and viewer.everywhere:
        decisions = decisions_where(connection, texts, names, clause.format(""), (wanted, limit))
    return decisions


def decisions_where(
    connection: sqlite3.Connection, texts: Texts, names: Names, clause: str, parameters: Sequence[object]
) -> list[Decision]:
    """Returns the decisions that `clause` (everything from WHERE or JOIN on) selects."""
    return [
        unpack_decision(
            row,
            texts.arms(connection, row[9]),
            texts.frame(connection, row[10]),
            names.of(connection, row[21], row[10]),
        )
        for row in connection.execute(f"SELECT {DECISION_COLUMNS} FROM decisions {clause}", parameters)
    ]


def tail(connection: sqlite3.Connection, texts: Texts, names: Names, after: int, limit: int) -> list[Event]:
    """Reads rows inside the caller's transaction: all tables have to be seen at the same commit."""
    rows: list[Event] = []
    rows += decisions_where(connection, texts, names, "WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    rows += feedback_where(connection, "WHERE f.seq > ? ORDER BY f.seq LIMIT ?", (after, limit))
    rows += arms.changes_where(connection, "WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    rows += prices.changes_where(connection, "WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    rows += labels.labels_where(connection, "WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    rows.sort(key=attrgetter("seq"))
    return rows[:limit]


def feedback_where(
    connection: sqlite3.Connection, clause: str, parameters: Sequence[object]
) -> list[Feedback]:
    """Returns the feedback that `clause` selects, each with the row that it replaced when it came."""
    rows = []
    for *row, previous, arm, task, blob in connection.execute(
        f"{_FEEDBACK_WITH_DECISION} {clause}", parameters
    ):
        context = unpack_floats(blob)
        feedback = unpack_feedback(tuple(row), arm=arm, task=task, context=context)
        if previous is not None:
            replaced = connection.execute(
                f"SELECT {FEEDBACK_COLUMNS} FROM feedback WHERE seq = ?", (previous,)
            ).fetchone()
            feedback.previous = unpack_feedback(replaced, arm=arm, task=task, context=context)
        rows.append(feedback)
    return rows
