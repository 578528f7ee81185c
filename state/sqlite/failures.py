"""SQLite's errors as StoreError, with the remedy."""

from __future__ import annotations

from state.interface import DamagedError, StoreError

# The primary name matches its extended ones too (SQLITE_IOERR_WRITE is SQLITE_IOERR).
_ADVICE = {
    "SQLITE_BUSY": "another program holds the database locked: stop it, then try again",
    "SQLITE_LOCKED": "another program holds the database locked: stop it, then try again",
    "SQLITE_FULL": "the disk is full: free some space; what was acknowledged is safe",
    "SQLITE_READONLY": "the file or its directory is read-only: make both writable for this user",
    "SQLITE_PERM": "the file or its directory is read-only: make both writable for this user",
    "SQLITE_CANTOPEN": "the file can't be opened: make sure that its directory exists and is writable",
    "SQLITE_NOTADB": "the file is not a SQLite database: point Meritorder at another file",
    "SQLITE_CORRUPT": "the database is damaged: stop, keep a copy, and restore a backup or run sqlite3 .recover",
    "SQLITE_IOERR": "reading or writing failed: check the disk and that the file is on a local file system",
}


def store_error(error: Exception, path: str | None = None) -> StoreError:
    """Returns the StoreError for what sqlite3 or the operating system raised."""
    where = f"{path}: " if path is not None else ""
    if isinstance(error, FileNotFoundError):
        return StoreError(f"{where}its directory doesn't exist: create it")
    if isinstance(error, IsADirectoryError):
        return StoreError(f"{where}is a directory: name a file in it")
    if isinstance(error, PermissionError):
        return StoreError(f"{where}{_ADVICE['SQLITE_PERM']} ({error.strerror})")
    advice = _ADVICE.get(_primary(error))
    if advice is None:
        return StoreError(f"{where}the store failed: {error}")
    kind = DamagedError if is_damage(error) else StoreError
    return kind(f"{where}{advice} ({error})")


def is_damage(error: Exception) -> bool:
    """Returns whether an error of SQLite means that the file is damaged."""
    return _primary(error) in ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def _primary(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", None) or ""
    return "_".join(name.split("_")[:2])
