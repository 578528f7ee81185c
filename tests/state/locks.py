"""What the kernel knows of the locks on a database's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_OTHERS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
connection.close()
"""


def held(path: Path, pid: int | None = None) -> set[str]:
    """Returns which of the database's files a process holds a lock on: "main" and "shm"."""
    inodes = {path.stat().st_ino: "main"}
    shm = path.with_name(path.name + "-shm")
    if shm.exists():
        inodes[shm.stat().st_ino] = "shm"
    found = set()
    for line in Path("/proc/locks").read_text().splitlines():
        _, kind, _, _, owner, file, *_ = line.replace("->", "").split()
        inode = int(file.rpartition(":")[2])
        if kind == "POSIX" and int(owner) == (pid or os.getpid()) and inode in inodes:
            found.add(inodes[inode])
    return found


def visited(path: Path) -> None:
    """Lets another process open the database, read, and close it."""
    subprocess.run([sys.executable, "-c", _OTHERS, str(path)], check=True)
