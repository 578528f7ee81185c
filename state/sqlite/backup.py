"""A whole copy of a database that others write to meanwhile, by SQLite's online backup."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress

from state.interface import StoreError
from state.sqlite import housekeeping
from state.sqlite.connection import opened
from state.sqlite.failures import store_error

_STEP_PAGES = 1024
"""Eight megabytes between two reports of progress."""


def back_up(source: str, destination: str, *, replace: bool, progress: Callable[[int, int], None]) -> int:
    """Copies the database as of now, checks the copy, then puts it in its place (mode 0600); returns its bytes.

    `progress` is called with pages copied and pages in all. Raises StoreError, and leaves nothing behind then.
    """
    _check_destination(source, destination, replace=replace)
    partial = f"{destination}.partial-{os.getpid()}"
    try:
        with closing(opened(source, "guest")) as original:
            # SQLite would make the copy readable for everybody.
            os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            _copy(original, partial, progress)
        _flush(partial)
        if replace:
            os.replace(partial, destination)  # noqa: PTH105
        else:
            _place(partial, destination)
        _flush(os.path.dirname(os.path.abspath(destination)))  # noqa: PTH100, PTH120
        return os.stat(destination).st_size  # noqa: PTH116
    except FileExistsError:
        raise _exists(destination) from None
    except (OSError, sqlite3.Error) as error:
        raise store_error(error, destination) from error
    finally:
        for part in ("", "-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                os.unlink(partial + part)  # noqa: PTH108


def _check_destination(source: str, destination: str, *, replace: bool) -> None:
    if os.path.isdir(destination):  # noqa: PTH112
        raise StoreError(f"{destination}: is a directory: name a file in it")
    if os.path.exists(destination):  # noqa: PTH110
        if os.path.exists(source) and os.path.samefile(source, destination):  # noqa: PTH110, PTH121
            raise StoreError(f"{destination}: is the database itself: name another file")
        if not replace:
            raise _exists(destination)
    # The log would be applied to the copy as soon as somebody opens it, and damage it.
    with suppress(FileNotFoundError):
        if os.stat(f"{destination}-wal").st_size:  # noqa: PTH116
            raise StoreError(
                f"{destination}-wal: the log of another database is there: stop what uses it, or name another file"
            )


def _copy(original: sqlite3.Connection, partial: str, progress: Callable[[int, int], None]) -> None:
    # One transaction for all steps: without it each step would begin anew whenever somebody committed.
    original.execute("BEGIN")
    original.execute("SELECT count(*) FROM sqlite_master").fetchone()
    with closing(sqlite3.connect(partial, isolation_level=None)) as copy:
        original.backup(copy, pages=_STEP_PAGES, progress=lambda _, left, of: progress(of - left, of))
        original.execute("ROLLBACK")
        if wrong := housekeeping.problems(copy):
            raise StoreError(
                f"the database is damaged, and so would be the copy ({'; '.join(wrong[:3])}): restore an older backup, or "
                "run sqlite3 .recover"
            )


def check(path: str) -> tuple[list[str], housekeeping.Size | None]:
    """Reads all of a database, whoever writes to it meanwhile; returns what is wrong, or else its size. Raises StoreError."""
    try:
        with closing(opened(path, "guest")) as connection:
            connection.execute("BEGIN")
            wrong = housekeeping.problems(connection)
            return wrong, None if wrong else housekeeping.size(connection)
    except sqlite3.Error as error:
        raise store_error(error, path) from error


def _place(partial: str, destination: str) -> None:
    try:
        os.link(partial, destination)  # unlike a renaming, refuses what came there meanwhile
    except FileExistsError:
        raise
    except OSError:  # not every file system has links
        os.rename(partial, destination)  # noqa: PTH104


def _exists(destination: str) -> StoreError:
    return StoreError(f"{destination}: is there already: name another file, or say --force")


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
