"""The SQL of arms that come and go at run time, as rows of the journal."""

# ruff: noqa: S608 - queries are put together from constants of this package; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from state.records import ArmChange
from state.sqlite.owners import Numbers
from state.sqlite.rows import dumps_or_null, parsed_or_none, text

_COLUMNS = "seq, name, at, config, prior"

NEWEST_OF_EACH = "WHERE seq IN (SELECT max(seq) FROM arms GROUP BY name) AND config IS NOT NULL ORDER BY seq"


def append(connection: sqlite3.Connection, numbers: Numbers, change: ArmChange) -> int | None:
    """Writes a change inside the caller's transaction and returns its seq; None if it would change nothing."""
    name = text(change.name)
    newest = connection.execute(
        "SELECT config IS NOT NULL FROM arms WHERE name = ? ORDER BY seq DESC LIMIT 1", (name,)
    ).fetchone()
    present = newest is not None and bool(newest[0])
    if present == (change.config is not None):
        return None
    (seq,) = connection.execute("SELECT next FROM sequence").fetchone()
    connection.execute(
        f"INSERT INTO arms ({_COLUMNS}, principal) VALUES (?, ?, ?, ?, ?, ?)",
        (
            seq,
            name,
            change.at,
            dumps_or_null(change.config),
            dumps_or_null(change.prior),
            numbers.of(connection, *change.by),
        ),
    )
    connection.execute("UPDATE sequence SET next = ?", (seq + 1,))
    return int(seq)


def changes_where(
    connection: sqlite3.Connection, clause: str, parameters: Sequence[object] = ()
) -> list[ArmChange]:
    """Returns the changes that `clause` (everything from WHERE on) selects."""
    return [
        ArmChange(name=name, at=at, config=parsed_or_none(config), prior=parsed_or_none(prior), seq=seq)
        for seq, name, at, config, prior in connection.execute(
            f"SELECT {_COLUMNS} FROM arms {clause}", parameters
        )
    ]
