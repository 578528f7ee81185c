"""The database's files: SQLite's locks last, the mode is the owner's, and what happens to them is noticed."""

import asyncio
import logging
import os
import re
import sqlite3
import stat
import threading

import pytest

from state.interface import DamagedError, StoreError
from state.records import Feedback
from state.sqlite.files import make
from state.sqlite.store import SqliteStore
from tests.state.locks import held, visited
from tests.state.samples import decision

BOTH = {"main", "shm"}


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


async def test_the_locks_last_whatever_the_process_does_with_its_database(tmp_path):
    path = tmp_path / "a.db"
    store = await SqliteStore.open(path)
    assert held(path) == BOTH
    await store.append([decision(1)], [Feedback("chatcmpl-1", "quality", 1.0, 1.0)])
    steps = {
        "a read": store.tail(0),
        "a snapshot": store.save_snapshot("a", 1, {}, {}),
        "its loading": store.load_snapshots("a"),
        "a check": store.integrity(),
        "a quick check": store.integrity(quick=True),
        "a look": store.trouble(),
        "a glance": store.unchecked(),
        "the size": store.size(),
        "a pruning": store.prune(0.0),
        "a compacting": store.compact(),
    }
    for name, step in steps.items():
        await step
        assert held(path) == BOTH, f"after {name}"
    other = await SqliteStore.open(path)
    assert held(path) == BOTH, "after a second opening"
    await other.append([decision(2)], [])
    await other.close()
    assert held(path) == BOTH, "after the second one's end"
    guest = await SqliteStore.read(path)
    await guest.tail(0)
    await guest.close()
    assert held(path) == BOTH, "after a guest"
    assert await store.trouble() is None
    await store.close()
    assert held(path) == set()


async def test_a_visitor_who_closes_the_database_does_not_take_the_log_with_him(tmp_path):
    path = tmp_path / "a.db"
    store = await SqliteStore.open(path)
    await store.append([decision(1)], [])
    log = (tmp_path / "a.db-wal").stat().st_ino
    visited(path)
    assert (tmp_path / "a.db-wal").stat().st_ino == log
    await store.append([decision(2)], [])
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM decisions").fetchone() == (2,)
    other.close()
    await store.close()


async def test_the_mode_of_a_file_that_is_there_is_its_owners_choice(tmp_path):
    path = tmp_path / "a.db"
    path.touch(0o640)
    path.chmod(0o640)
    store = await SqliteStore.open(path)
    assert mode_of(path) == 0o640
    await store.close()


async def test_a_link_to_a_file_that_is_not_there_yet_makes_it_the_owners(tmp_path):
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    store = await SqliteStore.open(tmp_path / "link.db")
    assert mode_of(tmp_path / "a.db") == 0o600
    await store.append([decision(1)], [])
    assert await store.trouble() is None
    await store.close()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_the_mode_is_the_same_under_any_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        store = await SqliteStore.open(tmp_path / "a.db")
        await store.append([decision(1)], [])
    finally:
        os.umask(before)
    assert {mode_of(file) for file in tmp_path.iterdir()} == {0o600}
    await store.close()


async def test_names_that_mean_something_in_an_address_are_names(tmp_path):
    for name in ("a b?c=d#e%41.db", "ä&é.db", os.fsdecode(b"\xff.db")):
        store = await SqliteStore.open(tmp_path / name)
        await store.append([decision(1)], [])
        assert await store.trouble() is None
        assert (tmp_path / name).exists()
        await store.close()


def test_threads_that_make_it_at_once_never_close_it_under_another_ones_hands(tmp_path, monkeypatch):
    """While one thread has the new file open, no other one may go on to open it in SQLite."""
    path = tmp_path / "a.db"
    closing, go = threading.Event(), threading.Event()
    close = os.close

    def slow(descriptor):
        closing.set()
        assert go.wait(10)
        close(descriptor)

    monkeypatch.setattr("state.sqlite.files.os.close", slow)
    first = threading.Thread(target=make, args=(str(path),))
    first.start()
    assert closing.wait(10)
    monkeypatch.setattr("state.sqlite.files.os.close", close)
    second = threading.Thread(target=make, args=(str(path),))
    second.start()
    second.join(0.05)
    assert second.is_alive(), "it went on while the descriptor was open"
    go.set()
    for thread in (first, second):
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("fate", ["missing", "empty"])
async def test_a_log_without_its_database_is_kept(tmp_path, caplog, fate):
    path, log = tmp_path / "a.db", tmp_path / "a.db-wal"
    store = await SqliteStore.open(path)
    await store.append([decision(1)], [])
    path.unlink()
    if fate == "empty":
        path.touch()
    rows = log.read_bytes()
    with caplog.at_level(logging.ERROR, "meritorder.state"):
        second = await SqliteStore.open(path)
    assert await second.tail(0) == []
    (kept,) = tmp_path.glob("a.db-wal.orphan-*")
    assert kept.read_bytes() == rows
    assert str(kept) in caplog.text
    await second.close()
    await store.close()


def replaced(path):
    path.rename(path.with_name("elsewhere.db"))
    path.touch()


def overwritten(path):
    path.write_bytes(b"precious notes " * 5000)


def cut_off(path):
    path.write_bytes(b"")


def without_log(path):
    path.with_name(path.name + "-wal").unlink()


FATES = {
    "replaced": (replaced, r"a\.db was moved, deleted or replaced"),
    "deleted": (os.unlink, r"a\.db was moved, deleted or replaced"),
    "moved": (lambda path: path.rename(path.with_name("b.db")), r"a\.db was moved, deleted or replaced"),
    "overwritten": (overwritten, r"the database is damaged .*restore a backup"),
    "cut off": (cut_off, r"the database is damaged .*restore a backup"),
    "without its log": (without_log, r"a\.db-wal was moved, deleted or replaced"),
}


@pytest.mark.parametrize("asked", ["looked at first", "written to first"])
@pytest.mark.parametrize("fate", FATES)
async def test_what_happens_to_the_file_is_known_before_anything_failed_and_nothing_is_acknowledged(
    tmp_path, fate, asked
):
    change, words = FATES[fate]
    path = tmp_path / "a.db"
    store = await SqliteStore.open(path)
    await store.append([decision(1)], [])
    assert await store.trouble() is None
    change(path)
    if asked == "looked at first":
        assert re.search(words, await store.trouble())
    for _ in range(2):
        with pytest.raises(StoreError, match=words):
            await store.append([], [Feedback("chatcmpl-1", "quality", 1.0, 1.0)])
    await store.close()


async def test_damage_in_the_middle_is_found_by_reading_and_ends_all_writing(tmp_path):
    path = tmp_path / "a.db"
    store = await SqliteStore.open(path)
    await store.append([decision(n) for n in range(1, 2000)], [])
    await store.close()
    store = await SqliteStore.open(path)
    assert await store.integrity(quick=True) == []
    assert not await store.unchecked()
    pages = path.stat().st_size // 8192
    with path.open("r+b") as file:  # this process holds no lock that matters here
        file.seek(pages // 2 * 8192)
        file.write(os.urandom(8 * 8192))
    assert await store.unchecked()
    assert await store.trouble() is None, "the head is whole"
    assert await store.integrity(quick=True) != []
    with pytest.raises(DamagedError, match="restore a backup"):
        await store.append([decision(3000)], [])
    assert "restore a backup" in await store.trouble()
    await store.close()


async def test_a_read_that_meets_damage_ends_all_writing(tmp_path):
    path = tmp_path / "a.db"
    store = await SqliteStore.open(path)
    await store.append([decision(n) for n in range(1, 2000)], [])
    await store.close()
    store = await SqliteStore.open(path)
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(path.stat().st_size - 8192))
    with pytest.raises(DamagedError):
        await store.tail(0)
    with pytest.raises(DamagedError, match="damaged"):
        await store.set_value("a", 1)
    await store.close()


async def test_a_check_that_is_cancelled_stops_reading(tmp_path):
    store = await SqliteStore.open(tmp_path / "a.db")
    await store.append([decision(n) for n in range(1, 3000)], [])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await store.integrity()
    assert await store.integrity() == []
    assert held(tmp_path / "a.db") == BOTH
    await store.close()


async def test_a_guest_changes_nothing_and_makes_nothing(tmp_path):
    path = tmp_path / "a.db"
    with pytest.raises(StoreError, match="a.db"):
        await SqliteStore.read(path)
    assert list(tmp_path.iterdir()) == []
    store = await SqliteStore.open(path)
    await store.append([decision(1)], [])
    await store.close()
    before = path.read_bytes()
    guest = await SqliteStore.read(path)
    assert [row.seq for row in await guest.tail(0)] == [1]
    with pytest.raises(StoreError):
        await guest.append([decision(2)], [])
    await guest.close()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("CREATE TABLE theirs (x)", "another program"),
        ("VACUUM", "holds no journal"),
    ],
)
async def test_a_guest_refuses_what_is_no_journal(tmp_path, statement, words):
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute(statement)
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=words):
        await SqliteStore.read(path)
    assert path.read_bytes() == before


async def test_a_guest_refuses_another_versions_journal(tmp_path):
    path = tmp_path / "a.db"
    await (await SqliteStore.open(path)).close()
    with sqlite3.connect(path) as stranger:
        stranger.execute("DELETE FROM migrations WHERE position = (SELECT max(position) FROM migrations)")
    stranger.close()
    with pytest.raises(StoreError, match="another version"):
        await SqliteStore.read(path)
