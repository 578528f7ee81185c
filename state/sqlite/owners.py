"""Whose rows are: each pair of a key and its team under one small number, and which rows somebody may see."""

# ruff: noqa: S608 - queries are put together from constants of this package; values are always bound

from __future__ import annotations

import sqlite3

from state.records import Owner, Viewer
from state.sqlite.rows import text


def own(key: str = "?", team: str = "?") -> str:
    """Returns the condition on decisions with two parameters, the values of `of`.

    Rows of the first schemas name their key in their frame.
    """
    return (
        "ifnull(decisions.principal, (SELECT f.principal FROM former_frames f WHERE f.frame = decisions.frame)) IN"
        f" (SELECT number FROM principals WHERE key_id = {key} OR team_id <> '' AND team_id = {team})"
    )


def of(viewer: Viewer) -> tuple[str, str]:
    """Returns the values that `own` compares with."""
    return text(viewer.owner.key), text(viewer.owner.team)


class Numbers:
    """Writer's side: owner -> number. Belongs to one connection; used inside its write transactions."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}

    def forget(self) -> None:
        """Empties the cache after a rollback: what the transaction stored is not there."""
        self._numbers.clear()

    def of(self, connection: sqlite3.Connection, key: str, team: str) -> int:
        """Returns the owner's number, which is given out if there is none."""
        cached = self._numbers.get((key, team))
        if cached is not None:
            return cached
        pair = (text(key), text(team))
        query = "SELECT min(number) FROM principals WHERE key_id = ? AND team_id = ?"
        (number,) = connection.execute(query, pair).fetchone()
        if number is None:
            number = connection.execute(
                "INSERT INTO principals (key_id, team_id) VALUES (?, ?)", pair
            ).lastrowid
        self._numbers[key, team] = number
        return int(number)


class Names:
    """Reader's side: number -> owner, cached as first read."""

    def __init__(self) -> None:
        self._owners: dict[int, Owner] = {}
        self._former: dict[int, Owner | None] = {}

    def of(self, connection: sqlite3.Connection, number: int | None, frame: int) -> Owner | None:
        """Returns the owner of a decision; None if only its frame names it."""
        if number is None:
            if frame not in self._former:
                query = "SELECT principal FROM former_frames WHERE frame = ?"
                row = connection.execute(query, (frame,)).fetchone()
                self._former[frame] = None if row is None else self.of(connection, row[0], frame)
            return self._former[frame]
        owner = self._owners.get(number)
        if owner is None:
            query = "SELECT key_id, team_id FROM principals WHERE number = ?"
            row = connection.execute(query, (number,)).fetchone()
            owner = self._owners[number] = Owner() if row is None else Owner(*row)
        return owner
