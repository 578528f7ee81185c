"""The database's files on the disk: made, watched, and never opened by anybody but SQLite.

Invariant: no descriptor of the database, its -wal or its -shm exists in this process but SQLite's own. POSIX locks
belong to the process, and closing any descriptor of a file drops all of them, SQLite's too. The next program that
closes the database then takes itself for the last user and deletes the log that is being written
(https://www.sqlite.org/howtocorrupt.html, 2.2). Questions about the files go to `stat`, or to SQLite.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import threading
import time
from contextlib import closing, suppress
from urllib.parse import quote

from state.interface import DamagedError, StoreError

log = logging.getLogger("meritorder.state")

_PARTS = ("", "-wal", "-shm")

# The one moment at which a descriptor of the file exists: no other thread may have it open in SQLite meanwhile.
_MAKING = threading.Lock()


def make(path: str) -> None:
    """Makes the file, readable for its owner alone, where there is none. Raises OSError, StoreError."""
    target = os.path.realpath(path)  # a link that leads nowhere yet is not followed by O_EXCL
    with _MAKING:
        _set_orphan_aside(target)
        with suppress(FileExistsError):
            # SQLite would make it readable for everybody, and its -wal and -shm files follow this mode.
            os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    check_usable(target)


def check_usable(path: str) -> None:
    """Raises OSError or StoreError where SQLite could only say that it can't open the file."""
    mode = os.stat(path).st_mode  # noqa: PTH116
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(path)
    if not stat.S_ISREG(mode):
        raise StoreError(f"{path}: is no regular file: name another one")


def address(path: str, **options: object) -> str:
    """Returns the file as SQLite's URI, with its options."""
    words = "&".join(f"{name}={value}" for name, value in options.items())
    return f"file:{quote(os.fsencode(os.path.abspath(path)))}?{words}"  # noqa: PTH100


def _set_orphan_aside(path: str) -> None:
    """Keeps a log whose database is gone: SQLite would delete it with the rows that it holds."""
    # In this order: a database that is being made has a file with content before it has a log.
    if _size(f"{path}-wal") and not _size(path):
        aside = f"{path}-wal.orphan-{time.time_ns()}"
        os.rename(f"{path}-wal", aside)  # noqa: PTH104
        log.error(
            "%s is missing or empty, but not its log, which is kept as %s: the database was taken away or cut off; what "
            "is learnt begins anew unless both are put back while the gateway is stopped",
            path,
            aside,
        )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except FileNotFoundError:
        return 0


class Files:
    """The files that were opened, and whether they are still in place and the same."""

    def __init__(self, path: str) -> None:
        """Records the identity of the files of an open database whose log has begun."""
        self.path = path
        self._opened = [self._identity(part) for part in _PARTS]
        self._looked_at = (0, 0)

    def _identity(self, part: str) -> tuple[int, int] | None:
        try:
            status = os.stat(self.path + part)  # noqa: PTH116  twice as fast, and once per transaction
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def check(self) -> None:
        """Raises StoreError if one of the files is another or gone, DamagedError if the database is none any more.

        Costs three `stat`, and whenever the file was written (a thousand pages at a time) a look at its head.
        """
        for part, opened in zip(_PARTS, self._opened, strict=True):
            if self._identity(part) != opened:
                raise StoreError(
                    f"{self.path}{part} was moved, deleted or replaced while in use: nothing more is written; "
                    "put it back, or restart"
                )
        version = self.version()
        if version != self._looked_at:
            self._check_head()
            self._looked_at = version

    def version(self) -> tuple[int, int]:
        """Returns what changes whenever somebody writes to the database file itself."""
        try:
            status = os.stat(self.path)  # noqa: PTH116
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_size

    def _check_head(self) -> None:
        # Immutable: what is on the disk, whatever the log and SQLite's memory hold.
        try:
            with closing(sqlite3.connect(address(self.path, mode="ro", immutable=1), uri=True)) as connection:
                connection.execute("PRAGMA schema_version").fetchone()
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
        except sqlite3.Error as error:
            # Anything else may be a checkpoint half done.
            if error.sqlite_errorname == "SQLITE_NOTADB":
                raise damaged(f"{self.path}: {error}") from error
            return
        if pages == 0:
            raise damaged(f"{self.path}: the file is empty")


def damaged(what: str) -> DamagedError:
    """Returns the error for damage, with what to do."""
    return DamagedError(
        f"the database is damaged ({what}): nothing more is written; stop the gateway, keep a copy of the file and its "
        "-wal, and restore a backup or run sqlite3 .recover"
    )
