"""The store in one SQLite file, for one process or several."""

# ruff: noqa: S608 - queries are put together from constants of this package; values are always bound

from __future__ import annotations

import math
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Self, TypeVar

import orjson

from state import snapshots
from state.background import in_background
from state.interface import Arrays, DamagedError, StoreError
from state.records import (
    EVERYBODY,
    NOBODY,
    ArmChange,
    ArmPrice,
    Decision,
    Event,
    Feedback,
    FeedbackResult,
    KeyEntry,
    Label,
    Owner,
    Viewer,
)
from state.snapshots import Snapshot
from state.sqlite import arms, housekeeping, journal, keys, labels, prices
from state.sqlite.connection import Connection, read, write
from state.sqlite.files import Files, damaged
from state.sqlite.migrations import BLOCK_BITS, check_newest
from state.sqlite.owners import Names, Numbers
from state.sqlite.rows import dumps, text
from state.sqlite.texts import TextIds, Texts

T = TypeVar("T")


class SqliteStore:
    """Implements `Store`. One connection writes, a second one reads beside it.

    Every call is one item in the queue of its connection's thread and one transaction: nothing interleaves,
    and a call whose await is cancelled is still carried out whole or, on an error, not at all.

    Feedback, labels, arms, values and snapshots are flushed to the disk before they are acknowledged. A batch of
    decisions alone is not: it survives `kill -9`, and a power cut takes at most what no later feedback,
    value or snapshot flushed with it. Waiting for the disk would cost every batch 0.2 ms on a fast drive
    and ten on a slow one to protect records nobody was promised.
    """

    def __init__(self, writer: Connection, reader: Connection, files: Files | None = None) -> None:
        self._writer = writer
        self._reader = reader
        self._files = files
        self._damage: str | None = None
        self._checked = (0, 0)
        self._text_ids = TextIds()
        self._texts = Texts()
        self._numbers = Numbers()
        self._names = Names()

    @classmethod
    async def open(cls, path: str | os.PathLike[str]) -> Self:
        """Opens or makes the file (mode 0600); ":memory:" is a store that lives as long as this object.

        Raises StoreError, saying what to do, if that can't be.
        """
        where = os.fspath(path)
        writer = await Connection.to(where, "writer")
        if where == ":memory:":
            return cls(writer, writer)
        try:
            reader = await Connection.to(where, "reader")
        except BaseException:
            await writer.shut()
            raise
        return cls(writer, reader, await in_background(partial(Files, where)))

    @classmethod
    async def read(cls, path: str | os.PathLike[str]) -> Self:
        """Opens a file to read it, while others may write to it: makes nothing, migrates nothing, refuses to write.

        Raises StoreError if that can't be.
        """
        guest = await Connection.to(os.fspath(path), "guest")
        try:
            await guest.run(check_newest)
        except BaseException:
            await guest.shut()
            raise
        return cls(guest, guest)

    @property
    def shared(self) -> bool:
        """Whether other processes can have it open at the same time."""
        return self._files is not None

    async def append(
        self, decisions: Sequence[Decision], feedback: Sequence[Feedback]
    ) -> tuple[int, list[FeedbackResult]]:
        """See `Store.append`. Raises ValueError for feedback whose numbers are not finite."""
        for item in feedback:
            if not (math.isfinite(item.value) and math.isfinite(item.weight) and math.isfinite(item.at)):
                raise ValueError(f"feedback for {item.id!r}: value, weight and at must be finite")
        return await self._write(
            partial(
                journal.append,
                texts=self._text_ids,
                numbers=self._numbers,
                decisions=decisions,
                feedback=feedback,
            ),
            durable=bool(feedback),
        )

    async def register_keys(self, entries: Sequence[KeyEntry]) -> list[Owner]:
        named = [entry.name for entry in entries if entry.name is not None]
        salt, stored = await self._read(partial(keys.salt, names=named))
        digests = await in_background(partial(keys.digests, entries, salt, stored))
        return await self._write(partial(keys.register, entries=entries, digests=digests), durable=True)

    async def change_arm(self, change: ArmChange) -> bool:
        seq = await self._write(partial(arms.append, numbers=self._numbers, change=change), durable=True)
        if seq is None:
            return False
        change.seq = seq
        return True

    async def add_labels(self, added: Sequence[Label]) -> None:
        await self._write(partial(labels.append, numbers=self._numbers, labels=added), durable=True)

    async def arms(self) -> list[ArmChange]:
        return await self._read(partial(arms.changes_where, clause=arms.NEWEST_OF_EACH))

    async def change_price(self, change: ArmPrice) -> bool:
        seq = await self._write(partial(prices.append, numbers=self._numbers, change=change), durable=True)
        if seq is None:
            return False
        change.seq = seq
        return True

    async def prices(self) -> list[ArmPrice]:
        return await self._read(partial(prices.changes_where, clause=f"{prices.IN_FORCE} ORDER BY seq"))

    async def tail(self, after: int, limit: int = 1000) -> list[Event]:
        return await self._read(
            partial(journal.tail, texts=self._texts, names=self._names, after=after, limit=limit)
        )

    async def last_seq(self) -> int:
        return await self._read(lambda c: int(c.execute("SELECT next FROM sequence").fetchone()[0]) - 1)

    async def decision(self, id: str, viewer: Viewer = EVERYBODY) -> Decision | None:
        def look(connection: sqlite3.Connection) -> Decision | None:
            seq = journal.find(connection, id, viewer)
            return None if seq is None else self._decisions(connection, "WHERE seq = ?", (seq,))[0]

        return await self._read(look)

    async def feedback_of(self, id: str, viewer: Viewer = EVERYBODY) -> list[Feedback]:
        def look(connection: sqlite3.Connection) -> list[Feedback]:
            every = journal.feedback_where(
                connection, "WHERE f.decision = ? ORDER BY f.seq", (journal.find(connection, id, viewer),)
            )
            return list({feedback.metric: feedback for feedback in every}.values())

        return await self._read(look)

    async def session(self, session: str, limit: int = 200, viewer: Viewer = EVERYBODY) -> list[Decision]:
        def look(connection: sqlite3.Connection) -> list[Decision]:
            return journal.session(connection, self._texts, self._names, session, limit, viewer)[::-1]

        return await self._read(look)

    def _decisions(
        self, connection: sqlite3.Connection, clause: str, parameters: Sequence[object]
    ) -> list[Decision]:
        return journal.decisions_where(connection, self._texts, self._names, clause, parameters)

    async def decisions_between(
        self, start: float, end: float, *, after: int = 0, limit: int = 1000
    ) -> list[Decision]:
        clause = (
            "JOIN (SELECT block FROM blocks WHERE block >= ? AND max_at >= ? AND min_at < ?) b"
            f" ON seq BETWEEN b.block << {BLOCK_BITS} AND (b.block << {BLOCK_BITS}) + {(1 << BLOCK_BITS) - 1}"
            " WHERE seq > ? AND at >= ? AND at < ? ORDER BY b.block, seq LIMIT ?"
        )
        values = (after >> BLOCK_BITS, start, end, after, start, end, limit)
        return await self._read(lambda c: self._decisions(c, clause, values))

    async def save_snapshot(self, name: str, seq: int, meta: Mapping[str, object], arrays: Arrays) -> None:
        # Before the transaction: megabytes take a tenth of a second to compress, in which no worker could commit.
        body = await in_background(partial(snapshots.encode, meta, arrays))
        await self._write(partial(_save_snapshot, name, seq, body), durable=True)

    async def load_snapshots(self, name: str) -> list[Snapshot]:
        def load(connection: sqlite3.Connection) -> list[Snapshot]:
            query = (
                # CAST: a damaged cell may have become text, which sqlite3 would try to decode.
                "SELECT seq, CAST(checksum AS BLOB), CAST(body AS BLOB) FROM snapshots"
                " WHERE name = ? ORDER BY seq DESC"
            )
            return [
                (seq, *snapshots.decode(body))
                for seq, digest, body in connection.execute(query, (name,))
                if snapshots.checksum(name, seq, body) == digest
            ]

        return await self._read(load)

    async def set_value(self, name: str, value: object, by: Owner = NOBODY, *, lasting: bool = True) -> None:
        statement = (
            'INSERT INTO "values" (name, value, principal) VALUES (?, ?, ?) ON CONFLICT DO UPDATE'
            " SET value = excluded.value, principal = excluded.principal"
        )

        def put(connection: sqlite3.Connection) -> None:
            row = (text(name), dumps(value), self._numbers.of(connection, *by))
            connection.execute(statement, row).close()

        await self._write(put, durable=lasting)

    async def values(self, prefix: str) -> dict[str, object]:
        query = 'SELECT name, value FROM "values" WHERE substr(name, 1, ?) = ? ORDER BY name'
        rows = await self._read(lambda c: c.execute(query, (len(text(prefix)), text(prefix))).fetchall())
        return {name: orjson.loads(value) for name, value in rows}

    async def drop_value(self, name: str) -> None:
        statement = 'DELETE FROM "values" WHERE name = ?'
        await self._write(lambda c: c.execute(statement, (text(name),)).close(), durable=True)

    async def prune(self, before: float) -> int:
        """Deletes decisions older than `before` with their feedback, in steps that let appends through.

        There must be a snapshot past them: a row that is gone can't be learnt from again.
        """
        return await self._in_steps(partial(housekeeping.prune_step, before=before))

    async def forget_user(self, user: str) -> int:
        """Deletes a user's decisions and feedback, overwritten in the file; returns how many decisions.

        What was learnt from them stays: sums over everybody in which nobody can be told apart.
        """
        deleted = await self._in_steps(partial(housekeeping.forget_step, user=text(user)))
        await self._writer.run(housekeeping.flush_log)
        return deleted

    async def size(self) -> housekeeping.Size:
        return await self._read(housekeeping.size)

    async def compact(self) -> int:
        """Returns free pages to the file system, in steps that let appends through; the result is their bytes."""
        freed = 0
        while step := await self._writer.run(housekeeping.compact_step):
            freed += step
        await self._writer.run(housekeeping.flush_log)
        return freed

    async def integrity(self, *, quick: bool = False) -> list[str]:
        """Returns what is wrong with the file. Reads all of it, beside reads and writes.

        Damage ends all writing. `quick` leaves out whether rows and indexes agree.
        """
        if self._files is None:
            return await self._read(partial(housekeeping.problems, quick=quick))
        version = self._files.version()
        auditor = await Connection.to(self._files.path, "reader")
        try:
            wrong = await auditor.run(partial(read, fn=partial(housekeeping.problems, quick=quick)))
        finally:
            await auditor.cut()
        if wrong:
            self._damage = self._damage or str(damaged("; ".join(wrong[:3])))
        self._checked = version
        return wrong

    async def trouble(self) -> str | None:
        if self._files is not None and self._damage is None:
            try:
                await in_background(self._files.check)
            except StoreError as error:
                return self._remembered(error)
        return self._damage

    async def unchecked(self) -> bool:
        files = self._files
        return files is not None and await in_background(files.version) != self._checked

    async def close(self) -> None:
        """Ends after everything queued. A second time does nothing."""
        await self._reader.shut()
        await self._writer.shut()

    async def _in_steps(self, step: Callable[[sqlite3.Connection], int]) -> int:
        deleted = 0
        while count := await self._write(step, durable=True):
            deleted += count
        return deleted

    async def _read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._reader.run(partial(read, fn=fn))
        except DamagedError as error:
            self._remembered(error)
            raise

    async def _write(self, fn: Callable[[sqlite3.Connection], T], *, durable: bool) -> T:
        def checked(connection: sqlite3.Connection) -> T:
            # On a file that was deleted or overwritten SQLite goes on writing, and all of it is lost at the end.
            if self._damage is not None:
                raise DamagedError(self._damage)
            if self._files is not None:
                self._files.check()
            try:
                return write(connection, fn, durable=durable)
            except BaseException:
                # What was given an id is gone, by an error before the commit as by one of the commit itself.
                self._text_ids.forget()
                self._numbers.forget()
                raise

        try:
            return await self._writer.run(checked)
        except DamagedError as error:
            self._remembered(error)
            raise

    def _remembered(self, error: StoreError) -> str:
        # A file that was moved may come back; one that was damaged can't be trusted again.
        if isinstance(error, DamagedError) and self._damage is None:
            self._damage = str(error)
        return str(error)


def _save_snapshot(name: str, seq: int, body: bytes, connection: sqlite3.Connection) -> None:
    # A seq that the journal never reached is a damaged cell, and would outrank every good one.
    connection.execute(
        "DELETE FROM snapshots WHERE name = ? AND seq >= (SELECT next FROM sequence) AND seq > ?", (name, seq)
    )
    newest = connection.execute("SELECT max(seq) FROM snapshots WHERE name = ?", (name,)).fetchone()[0]
    if newest is not None and newest > seq:
        return
    connection.execute(
        "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)",
        (name, seq, time.time(), snapshots.checksum(name, seq, body), body),
    )
    connection.execute(
        "DELETE FROM snapshots WHERE name = ?1 AND seq NOT IN"
        " (SELECT seq FROM snapshots WHERE name = ?1 ORDER BY seq DESC LIMIT 2)",
        (name,),
    )
