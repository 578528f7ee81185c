"""The SQL of labelled queries, as rows of the journal."""

# ruff: noqa: S608 - queries are put together from constants of this package; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import orjson

from state.records import Label
from state.sqlite.owners import Numbers
from state.sqlite.rows import dumps, pack_floats, text, unpack_floats

_COLUMNS = "seq, digest, at, task, context, qualities, output_tokens"


def append(connection: sqlite3.Connection, numbers: Numbers, labels: Sequence[Label]) -> None:
    """Writes labels inside the caller's transaction and sets their seq; one that is there already keeps 0."""
    (seq,) = connection.execute("SELECT next FROM sequence").fetchone()
    for label in labels:
        row = (
            seq,
            label.digest,
            label.at,
            text(label.task),
            pack_floats(label.context),
            dumps(label.qualities),
            dumps(label.output_tokens),
            numbers.of(connection, *label.by),
        )
        written = connection.execute(
            f"INSERT INTO labels ({_COLUMNS}, principal) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
            row,
        ).rowcount
        if written:
            label.seq = seq
            seq += 1
    connection.execute("UPDATE sequence SET next = ?", (seq,))


def labels_where(connection: sqlite3.Connection, clause: str, parameters: Sequence[object]) -> list[Label]:
    """Returns the labels that `clause` (everything from WHERE on) selects."""
    return [
        Label(
            digest=digest,
            at=at,
            task=task,
            context=unpack_floats(context),
            qualities=orjson.loads(qualities),
            output_tokens=orjson.loads(tokens),
            seq=seq,
        )
        for seq, digest, at, task, context, qualities, tokens in connection.execute(
            f"SELECT {_COLUMNS} FROM labels {clause}", parameters
        )
    ]
