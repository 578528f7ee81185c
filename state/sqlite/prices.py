"""The SQL of prices that are set at run time, as rows of the journal."""

# ruff: noqa: S608 - queries are put together from constants of this package; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from state.records import ArmPrice
from state.sqlite.owners import Numbers
from state.sqlite.rows import dumps_or_null, parsed_or_none, text

_COLUMNS = "seq, name, at, price, configured"

IN_FORCE = (
    "WHERE seq IN (SELECT max(seq) FROM prices GROUP BY name) AND price IS NOT NULL"
    # An arm that comes later under the same name has its own price.
    " AND NOT EXISTS (SELECT 1 FROM arms WHERE arms.name = prices.name AND arms.config IS NULL AND arms.seq > prices.seq)"
)


def append(connection: sqlite3.Connection, numbers: Numbers, change: ArmPrice) -> int | None:
    """Writes a change inside the caller's transaction and returns its seq; None if there is no price to take back."""
    name = text(change.name)
    if change.price is None:
        query = f"SELECT 1 FROM prices {IN_FORCE} AND name = ?"
        if connection.execute(query, (name,)).fetchone() is None:
            return None
    (seq,) = connection.execute("SELECT next FROM sequence").fetchone()
    connection.execute(
        f"INSERT INTO prices ({_COLUMNS}, principal) VALUES (?, ?, ?, ?, ?, ?)",
        (
            seq,
            name,
            change.at,
            dumps_or_null(change.price),
            dumps_or_null(change.configured),
            numbers.of(connection, *change.by),
        ),
    )
    connection.execute("UPDATE sequence SET next = ?", (seq + 1,))
    return int(seq)


def changes_where(
    connection: sqlite3.Connection, clause: str, parameters: Sequence[object] = ()
) -> list[ArmPrice]:
    """Returns the changes that `clause` (everything from WHERE on) selects."""
    return [
        ArmPrice(
            name=name, at=at, price=parsed_or_none(price), configured=parsed_or_none(configured), seq=seq
        )
        for seq, name, at, price, configured in connection.execute(
            f"SELECT {_COLUMNS} FROM prices {clause}", parameters
        )
    ]
