"""Keys have lasting ids: by name, else by a digest of themselves, the same in every process."""

import sqlite3

import pytest

from state.records import KeyEntry
from state.sqlite.store import SqliteStore


async def one(store, key, name=None, team=None):
    [owner] = await store.register_keys([KeyEntry(key, name, team)])
    return owner


async def test_every_key_gets_an_id_of_its_own_that_a_restart_and_another_process_know(tmp_path):
    entries = [
        KeyEntry("sk-1"),
        KeyEntry("sk-2"),
        KeyEntry("sk-3", "eval", "search"),
        KeyEntry("sk-4", None, "search"),
    ]
    first, other = [await SqliteStore.open(tmp_path / "a.db") for _ in range(2)]
    owners = await first.register_keys(entries)
    assert await other.register_keys(entries[::-1]) == owners[::-1]
    await first.close()
    await other.close()
    again = await SqliteStore.open(tmp_path / "a.db")
    assert await again.register_keys(entries) == owners
    await again.close()
    assert len({owner.key for owner in owners}) == 4
    assert [owner.team for owner in owners[:2]] == ["", ""]
    assert owners[2].team == owners[3].team != ""


async def test_ids_of_two_databases_have_nothing_in_common(tmp_path):
    stores = [await SqliteStore.open(tmp_path / name) for name in ("a.db", "b.db")]
    first, second = [await one(store, "sk-1", "eval", "search") for store in stores]
    for store in stores:
        await store.close()
    assert first.key != second.key
    assert first.team != second.team


async def test_a_named_key_keeps_its_id_when_the_key_changes(store):
    before = await one(store, "sk-1", "eval")
    assert await one(store, "sk-2", "eval") == before
    assert await one(store, "sk-1", "other") != before
    assert await one(store, "sk-1") != before


async def test_a_key_that_gets_a_name_keeps_its_id_and_may_change_then(store):
    before = await one(store, "sk-1")
    assert await one(store, "sk-1", "eval") == before
    assert await one(store, "sk-2", "eval") == before
    assert await one(store, "sk-1") != before


async def test_a_key_that_changes_teams_is_the_same_key(store):
    before, after = await one(store, "sk-1", "eval", "a"), await one(store, "sk-1", "eval", "b")
    assert before.key == after.key
    assert before.team != after.team
    assert await one(store, "sk-1", "eval") == (before.key, "")
    assert await one(store, "sk-1", "eval", "a") == before


async def test_no_key_can_be_read_from_the_file(tmp_path):
    store = await SqliteStore.open(tmp_path / "a.db")
    await store.register_keys([KeyEntry("sk-a-secret"), KeyEntry("sk-another", "eval", "search")])
    await store.close()
    assert b"sk-a" not in (tmp_path / "a.db").read_bytes()
    connection = sqlite3.connect(tmp_path / "a.db")
    digests = connection.execute("SELECT name, length(digest) FROM keys ORDER BY name").fetchall()
    connection.close()
    assert digests == [(None, 64), ("eval", None)]
    assert "sk-a-secret" not in repr(KeyEntry("sk-a-secret"))


@pytest.mark.parametrize("key", ["schlüssel", "schl\udcffssel"])
async def test_a_key_that_is_not_ascii_has_an_id(store, key):
    assert await one(store, key) == await one(store, key)
