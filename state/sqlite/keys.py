"""Keys and teams under lasting ids. A key without a name is recognised by a digest that is slow to guess from."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Sequence

from state.records import KeyEntry, Owner

_ID_BYTES = 12
_SCRYPT_N = 4096
"""4 MB and some 10 ms for each guess at a weak key of a copied database, and as much at a start for each key that has
no name."""


def salt(connection: sqlite3.Connection, names: Sequence[str]) -> tuple[bytes, set[str]]:
    """Returns the database's own random salt, and which of `names` are in it."""
    (secret,) = connection.execute("SELECT salt FROM key_salt").fetchone()
    stored = {row[0] for row in connection.execute("SELECT name FROM keys WHERE name IS NOT NULL")}
    return bytes(secret), stored.intersection(names)


def digests(entries: Sequence[KeyEntry], salt: bytes, stored: set[str]) -> list[bytes | None]:
    """Returns the digest of each key, None where a stored name identifies it."""
    return [
        None
        if entry.name in stored
        else hashlib.scrypt(entry.key.encode("utf-8", "surrogateescape"), salt=salt, n=_SCRYPT_N, r=8, p=1)
        for entry in entries
    ]


def register(
    connection: sqlite3.Connection, entries: Sequence[KeyEntry], digests: Sequence[bytes | None]
) -> list[Owner]:
    """Returns the ids of keys and their teams inside the caller's transaction; what is new gets its own."""
    owners = []
    for entry, digest in zip(entries, digests, strict=True):
        team = "" if entry.team is None else _team(connection, entry.team)
        key = _key(connection, entry.name, digest, team)
        _take_over(connection, entry, key)
        owners.append(Owner(key, team))
    return owners


def _team(connection: sqlite3.Connection, name: str) -> str:
    row = connection.execute("SELECT id FROM teams WHERE name = ?", (name,)).fetchone()
    if row is not None:
        return str(row[0])
    team = f"team-{secrets.token_hex(_ID_BYTES)}"
    connection.execute("INSERT INTO teams (id, name, created_at) VALUES (?, ?, ?)", (team, name, time.time()))
    return team


def _key(connection: sqlite3.Connection, name: str | None, digest: bytes | None, team: str) -> str:
    row = None
    if name is not None:
        row = connection.execute("SELECT id FROM keys WHERE name = ?", (name,)).fetchone()
    if row is None and digest is not None:  # it may have had no name before
        row = connection.execute("SELECT id FROM keys WHERE digest = ?", (digest,)).fetchone()
    key = str(row[0]) if row is not None else f"key-{secrets.token_hex(_ID_BYTES)}"
    # With a name, a digest would only help whoever guesses, and would tie the row to a key that may change.
    values = (key, name, team or None, digest if name is None else None, time.time())
    connection.execute(
        "INSERT INTO keys (id, name, team_id, digest, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET name = excluded.name, team_id = excluded.team_id, digest = excluded.digest",
        values,
    )
    return key


def _take_over(connection: sqlite3.Connection, entry: KeyEntry, key: str) -> None:
    # Rows of the first schemas name a key by four bytes of its hash.
    former = hashlib.sha256(entry.key.encode("utf-8", "surrogateescape")).digest()[:4].hex()
    connection.execute(
        "UPDATE principals SET key_id = ? WHERE key_id = ? AND number IN (SELECT principal FROM former_frames)",
        (key, former),
    )
