"""Deletion, size and checks of the database file."""

# ruff: noqa: S608 - queries are put together from constants of this package; values are always bound

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from state.sqlite.failures import is_damage
from state.sqlite.migrations import BLOCK_BITS

_STEP_ROWS = 500
_STEP_PAGES = 256
"""A step holds the write lock for some milliseconds, so that appends get their turn between two."""


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of the database, how many of them are free for reuse, and rows."""

    bytes: int
    free_bytes: int
    decisions: int
    feedback: int


def prune_step(connection: sqlite3.Connection, before: float) -> int:
    """Deletes some decisions with `at` < `before`; returns how many, 0 at the end."""
    deleted = connection.execute(
        "DELETE FROM decisions WHERE seq IN (SELECT d.seq FROM blocks b CROSS JOIN decisions d"
        f" ON d.seq BETWEEN b.block << {BLOCK_BITS} AND (b.block << {BLOCK_BITS}) + {(1 << BLOCK_BITS) - 1}"
        " WHERE b.min_at < ?1 AND d.at < ?1 LIMIT ?2)",
        (before, _STEP_ROWS),
    ).rowcount
    if deleted == 0:
        _sweep(connection)
    return deleted


def forget_step(connection: sqlite3.Connection, user: str) -> int:
    """Deletes some decisions of a user; returns how many, 0 at the end."""
    deleted = connection.execute(
        "DELETE FROM decisions WHERE seq IN (SELECT seq FROM decisions WHERE user = ? LIMIT ?)",
        (user, _STEP_ROWS),
    ).rowcount
    if deleted == 0:
        _sweep(connection)
    return deleted


def _sweep(connection: sqlite3.Connection) -> None:
    # Blocks without rows, except the newest, and texts that nothing refers to any more.
    connection.execute(
        "DELETE FROM blocks WHERE block < (SELECT max(block) FROM blocks) AND NOT EXISTS"
        f" (SELECT 1 FROM decisions WHERE seq BETWEEN block << {BLOCK_BITS}"
        f" AND (block << {BLOCK_BITS}) + {(1 << BLOCK_BITS) - 1})"
    )
    swept = connection.execute(
        "DELETE FROM texts WHERE id NOT IN (SELECT candidates FROM decisions UNION SELECT frame FROM decisions)"
    ).rowcount
    if swept:
        connection.execute("UPDATE sequence SET texts_epoch = texts_epoch + 1")


def compact_step(connection: sqlite3.Connection) -> int:
    """Returns some free pages to the file system; the result is their bytes, 0 at the end."""
    before = _pages(connection)
    connection.execute(f"PRAGMA incremental_vacuum({_STEP_PAGES})").fetchall()
    return (before - _pages(connection)) * _page_bytes(connection)


def flush_log(connection: sqlite3.Connection) -> None:
    """Moves the write-ahead log into the file and empties it, as far as other processes let it."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def size(connection: sqlite3.Connection) -> Size:
    """Returns the size of the database without its write-ahead log. Counts all rows."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("decisions", "feedback")
    ]
    page = _page_bytes(connection)
    return Size(_pages(connection) * page, free * page, *counts)


def problems(connection: sqlite3.Connection, *, quick: bool = False) -> list[str]:
    """Returns what SQLite finds wrong with the file, and rows beyond the sequence.

    `quick` leaves out whether indexes and references agree with the rows, which takes several times as long.
    """
    try:
        return _problems(connection, quick=quick)
    except sqlite3.DatabaseError as error:
        # Some damage ends the check itself.
        if is_damage(error):
            return [str(error)]
        raise


def _problems(connection: sqlite3.Connection, *, quick: bool) -> list[str]:
    check = "PRAGMA quick_check(20)" if quick else "PRAGMA integrity_check(20)"
    wrong = [row[0] for row in connection.execute(check) if row[0] != "ok"]
    if not quick:
        wrong += [
            f"{row[0]} row {row[1]} refers to nothing"
            for row in connection.execute("PRAGMA foreign_key_check")
        ]
    if wrong:
        return wrong
    # A database of an older version has fewer of them.
    rows = [
        f"(SELECT ifnull(max(seq), 0) FROM {name})"
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('decisions', 'feedback', 'arms', 'labels', 'prices')"
        )
    ]
    (beyond,) = connection.execute(f"SELECT max({', '.join(rows)}, 0) >= next FROM sequence").fetchone()
    if beyond:
        wrong.append("the journal holds rows beyond its own sequence")
    return wrong


def _pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])


def _page_bytes(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_size").fetchone()[0])
