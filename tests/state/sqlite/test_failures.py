"""What goes wrong with a file is said with what to do, and nothing half written stays."""

import os
import sqlite3

import pytest

from state.interface import StoreError
from state.records import Feedback
from state.sqlite import connection as connections
from state.sqlite.store import SqliteStore
from tests.state.samples import decision


async def refusal(path):
    with pytest.raises(StoreError) as caught:
        await SqliteStore.open(path)
    return str(caught.value)


async def test_a_missing_directory(tmp_path):
    assert "create it" in await refusal(tmp_path / "none" / "a.db")


async def test_a_directory_in_place_of_the_file(tmp_path):
    assert "name a file" in await refusal(tmp_path)


async def test_a_directory_that_may_not_be_written(tmp_path, monkeypatch):
    def forbidden(*_args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    assert "make both writable" in await refusal(tmp_path / "a.db")


async def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "a.db"
    path.write_bytes(b"precious notes " * 1000)
    assert "not a SQLite database" in await refusal(path)
    assert path.read_bytes() == b"precious notes " * 1000


async def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE theirs (x)")
    theirs.close()
    before = path.read_bytes()
    assert "another program" in await refusal(path)
    assert path.read_bytes() == before


async def test_a_stranger_who_holds_the_lock_is_named_and_appends_go_on_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.02)
    store = await SqliteStore.open(tmp_path / "a.db")
    stranger = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked: stop it"):
        await store.append([decision(1)], [])
    stranger.close()
    await store.append([decision(2)], [])
    assert [row.id for row in await store.tail(0)] == ["chatcmpl-2"]
    await store.close()


async def test_a_full_disk_takes_back_the_whole_batch(store):
    await store.append([decision(1)], [])
    (pages,) = await store._writer.run(lambda c: c.execute("PRAGMA page_count").fetchone())
    await store._writer.run(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone())
    with pytest.raises(StoreError, match="disk is full: free some space"):
        await store.append([decision(n, arms=(f"new-{n}",)) for n in range(2, 3000)], [])
    assert await store.last_seq() == 1
    await store._writer.run(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchone())
    again = decision(2, arms=("new-2",))
    await store.append([again], [])
    assert (again.seq, (await store.decision("chatcmpl-2")).arms) == (2, ("new-2",))
    assert await store.integrity() == []


async def test_rows_beyond_the_sequence_are_reported(store):
    await store.append([decision(1)], [])
    await store._writer.run(lambda c: c.execute("UPDATE sequence SET next = 1").close())
    assert await store.integrity() == ["the journal holds rows beyond its own sequence"]


async def test_a_closed_store_says_so(tmp_path):
    store = await SqliteStore.open(tmp_path / "a.db")
    await store.close()
    for call in (store.append([], []), store.tail(0)):
        with pytest.raises(StoreError, match="closed"):
            await call


@pytest.mark.parametrize("fate", ["deleted", "moved", "replaced"])
async def test_a_file_taken_away_while_in_use_is_said_and_nothing_is_acknowledged(tmp_path, fate):
    path = tmp_path / "a.db"
    store = await SqliteStore.open(path)
    await store.append([decision(1)], [])
    path.rename(tmp_path / "elsewhere.db")
    if fate == "replaced":
        path.write_bytes(b"")
    elif fate == "deleted":
        (tmp_path / "elsewhere.db").unlink()
    for attempt in (
        store.append([decision(2)], []),
        store.append([], [Feedback(id="chatcmpl-1", metric="quality", value=1.0, at=1.0)]),
        store.set_value("a", 1),
    ):
        with pytest.raises(StoreError, match=r"a\.db was moved, deleted or replaced while in use"):
            await attempt
    if fate == "moved":
        (tmp_path / "elsewhere.db").rename(path)
        assert (await store.append([decision(2)], []))[0] == 2
    await store.close()
