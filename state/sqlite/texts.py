"""Long values that many rows share, stored once by content: candidate lists and decision frames."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Hashable
from typing import Any

import orjson

_LARGEST_CACHE = 4096
"""Entries before a cache starts afresh: at 400 candidates an entry is about 12 KB."""


class TextIds:
    """Writer's side: content -> id. Belongs to one connection; used inside its write transactions."""

    def __init__(self) -> None:
        self._ids: dict[Hashable, int] = {}
        self._epoch = 0

    def begin(self, epoch: int) -> None:
        """Empties the cache where the epoch that the transaction read is a new one: texts were deleted."""
        if epoch != self._epoch or len(self._ids) > _LARGEST_CACHE:
            self._ids.clear()
            self._epoch = epoch

    def forget(self) -> None:
        """Empties the cache after a rollback: what the transaction stored is not there."""
        self._ids.clear()

    def cached(self, key: Hashable) -> int | None:
        """Returns the id of what was stored under `key`."""
        return self._ids.get(key)

    def store(self, connection: sqlite3.Connection, key: Hashable, body: str) -> int:
        """Stores `body` unless it is there and returns its id, which `cached` returns from now on."""
        digest = hashlib.blake2b(body.encode(), digest_size=16).digest()
        connection.execute(
            "INSERT INTO texts (digest, body) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, body)
        )
        (stored,) = connection.execute("SELECT id FROM texts WHERE digest = ?", (digest,)).fetchone()
        self._ids[key] = stored
        return int(stored)


class Texts:
    """Reader's side: id -> parsed content. An id never changes its meaning, so nothing goes stale."""

    def __init__(self) -> None:
        self._arms: dict[int, tuple[str, ...]] = {}
        self._frames: dict[int, list[Any]] = {}

    def arms(self, connection: sqlite3.Connection, id: int) -> tuple[str, ...]:
        """Returns a candidate list."""
        names = self._arms.get(id)
        if names is None:
            if len(self._arms) > _LARGEST_CACHE:
                self._arms.clear()
            names = self._arms[id] = tuple(self._read(connection, id))
        return names

    def frame(self, connection: sqlite3.Connection, id: int) -> list[Any]:
        """Returns a decision frame, to be copied where it is handed out."""
        frame = self._frames.get(id)
        if frame is None:
            if len(self._frames) > _LARGEST_CACHE:
                self._frames.clear()
            frame = self._frames[id] = self._read(connection, id)
        return frame

    @staticmethod
    def _read(connection: sqlite3.Connection, id: int) -> list[Any]:
        (body,) = connection.execute("SELECT body FROM texts WHERE id = ?", (id,)).fetchone()
        parsed: list[Any] = orjson.loads(body)
        return parsed
