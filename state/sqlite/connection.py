"""One SQLite connection on its own thread, whose queue items are whole transactions."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from typing import Literal, ParamSpec, TypeVar

import aiosqlite

from state.interface import StoreError
from state.sqlite.failures import store_error
from state.sqlite.files import address, check_usable, make
from state.sqlite.migrations import applied_to, check_ours, migrate

P = ParamSpec("P")
T = TypeVar("T")

BUSY_SECONDS = 5.0
"""How long a transaction waits for another process. A commit takes milliseconds, so whoever holds the lock
for seconds is no worker of ours."""

_PAGE_BYTES = 8192
"""At 400 arms a row is 2.2 KB: a page of 4 KB would hold one and waste the rest."""

_CACHE_KIB = 8 * 1024
_WAL_LIMIT_BYTES = 64 << 20

Role = Literal["writer", "reader", "guest"]
"""A guest reads a file that may be somebody else's: it makes nothing and changes nothing."""


class Connection(aiosqlite.Connection):
    """aiosqlite's thread, given whole functions instead of single statements.

    aiosqlite queues statements, so two tasks could interleave inside a transaction, and a cancelled await
    would leave one open. A function that begins and commits is one item of the queue: it can't be
    interleaved, and it runs to its end whether or not somebody still waits for it.
    """

    @classmethod
    async def to(cls, path: str, role: Role) -> Connection:
        """Opens the file (a writer makes it if it is missing, and brings it to the newest schema); raises StoreError if
        it can't.
        """
        connection = cls(lambda: opened(path, role), iter_chunk_size=64)
        # A process that ends without close() must not hang on this thread. The queue's owner waits for
        # every acknowledgement it gives, so nothing acknowledged is lost with it.
        connection._thread.daemon = True
        try:
            await connection
        except BaseException:
            # aiosqlite doesn't wait for its thread to end, which would then call a closed loop.
            await asyncio.to_thread(connection._thread.join, 1.0)
            raise
        return connection

    async def run(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `fn` on the thread after everything queued before it."""
        if not self._running or self._connection is None:
            raise StoreError("the store is closed")
        result: T = await self._execute(_guarded, fn, self._connection)  # type: ignore[no-untyped-call]
        return result

    async def shut(self) -> None:
        """Closes after everything queued; a second time does nothing."""
        if self._running and self._connection is not None:
            await self.close()

    async def cut(self) -> None:
        """Closes at once: what it is reading ends with an error."""
        if self._running and self._connection is not None:
            self._connection.interrupt()
        await self.shut()


def read(connection: sqlite3.Connection, fn: Callable[[sqlite3.Connection], T]) -> T:
    """Runs `fn` in one read transaction: all its queries see the same commit."""
    connection.execute("BEGIN")
    try:
        return fn(connection)
    finally:
        connection.execute("ROLLBACK")


def write(connection: sqlite3.Connection, fn: Callable[[sqlite3.Connection], T], *, durable: bool) -> T:
    """Runs `fn` in one write transaction, committed on return and rolled back on any error.

    Not `durable` (synchronous=NORMAL) survives kill -9 but not a power cut: the write-ahead log is not
    flushed. `durable` (FULL) flushes it, and with it everything committed before.
    """
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = fn(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _guarded(fn: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
    try:
        return fn(connection)
    except sqlite3.Error as error:
        raise store_error(error) from error


def opened(path: str, role: Role) -> sqlite3.Connection:
    """Returns a connection of this thread's own making. Raises StoreError."""
    try:
        if path == ":memory:":
            uri = "file::memory:"
        else:
            (make if role == "writer" else check_usable)(path)
            uri = address(path, mode="rw")
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
        )
    except FileNotFoundError as error:
        if role == "guest":
            raise StoreError(f"{path}: there is no such file: name the database of a gateway") from None
        raise store_error(error, path) from error
    except (OSError, sqlite3.Error) as error:
        raise store_error(error, path) from error
    try:
        _prepare(connection, role)
    except sqlite3.Error as error:
        connection.close()
        raise store_error(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, role: Role) -> None:
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    if role != "writer":
        connection.execute("PRAGMA query_only = ON")
        if role == "guest":
            check_ours(connection)
        return
    # Before anything is changed: it may be somebody else's file.
    applied_to(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    # Both only matter before the first table.
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    # What a user asked to delete is overwritten, not only unlinked.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    _enter_wal(connection)
    migrate(connection)


def _enter_wal(connection: sqlite3.Connection) -> None:
    # The change of mode doesn't wait for another process that changes it too.
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname not in ("SQLITE_BUSY", "SQLITE_LOCKED") or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
