"""Arms that come and go at run time: rows of the journal like any other, and those of the first schema kept."""

import asyncio
import json
import sqlite3

from state.records import ArmChange, Feedback
from state.sqlite.journal import tail
from state.sqlite.migrations import MIGRATIONS, migrate
from state.sqlite.owners import Names
from state.sqlite.store import SqliteStore
from state.sqlite.texts import Texts
from tests.state.samples import decision, fields


def added(name, **more):
    return ArmChange(name=name, at=5.0, config={"name": name, "model": "m"}, **more)


async def test_an_arm_takes_its_place_among_the_rows_and_comes_back_with_every_field(store):
    await store.append([decision(1)], [])
    change = added("b", prior={"quality": 0.5, "model": "m"})
    assert await store.change_arm(change)
    await store.append([decision(2)], [Feedback(id="chatcmpl-2", metric="quality", value=1.0, at=9.0)])
    rows = await store.tail(0)
    assert [(type(row).__name__, row.seq) for row in rows] == [
        ("Decision", 1),
        ("ArmChange", 2),
        ("Decision", 3),
        ("Feedback", 4),
    ]
    assert fields(rows[1]) == fields(change)
    assert [row.seq for row in await store.tail(1, limit=1)] == [2]
    assert await store.last_seq() == 4
    assert await store.integrity() == []


async def test_what_would_change_nothing_is_no_row(store):
    assert not await store.change_arm(ArmChange("a", 1.0, None))
    assert await store.change_arm(added("a"))
    assert not await store.change_arm(added("a"))
    assert await store.change_arm(ArmChange("a", 2.0, None))
    assert not await store.change_arm(ArmChange("a", 3.0, None))
    assert await store.last_seq() == 2


async def test_the_arms_are_those_that_stayed_in_the_order_of_their_coming(store):
    for name in ("c", "a", "b"):
        await store.change_arm(added(name))
    await store.change_arm(ArmChange("c", 2.0, None))
    assert [arm.name for arm in await store.arms()] == ["a", "b"]
    await store.change_arm(added("c"))
    assert [(arm.name, arm.seq) for arm in await store.arms()] == [("a", 2), ("b", 3), ("c", 5)]


async def test_of_two_that_add_the_same_arm_at_once_one_does(tmp_path):
    one, other = [await SqliteStore.open(tmp_path / "a.db") for _ in range(2)]
    changes = [added(f"arm {number}") for number in range(20) for _ in range(2)]
    done = await asyncio.gather(*((one, other)[n % 2].change_arm(c) for n, c in enumerate(changes)))
    assert sum(done) == 20
    assert sorted(arm.name for arm in await one.arms()) == sorted({change.name for change in changes})
    assert sorted(change.seq for change in changes if change.seq) == list(range(1, 21))
    await one.close()
    await other.close()


async def test_pruning_leaves_arms_alone(store):
    await store.change_arm(added("a"))
    await store.append([decision(1)], [])
    assert await store.prune(1e12) == 1
    assert [arm.name for arm in await store.arms()] == ["a"]


async def test_an_arm_beyond_the_sequence_is_reported(store, tmp_path):
    await store.change_arm(added("a"))
    with sqlite3.connect(tmp_path / "journal.db") as stranger:
        stranger.execute("UPDATE sequence SET next = 1")
    stranger.close()
    assert await store.integrity() == ["the journal holds rows beyond its own sequence"]


def test_arms_of_the_first_schema_follow_the_rows_that_were_there(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    migrate(connection, MIGRATIONS[:1])
    connection.execute("UPDATE sequence SET next = 8")
    for name in ("arm/z", "arm/a/x", "priced", "armoured"):
        connection.execute('INSERT INTO "values" VALUES (?, ?)', (name, json.dumps({"name": name})))
    assert migrate(connection) == [migration.name for migration in MIGRATIONS[1:]]
    rows = tail(connection, Texts(), Names(), 0, 10)
    assert [(row.seq, row.name, row.config, row.prior) for row in rows] == [
        (8, "a/x", {"name": "arm/a/x"}, None),
        (9, "z", {"name": "arm/z"}, None),
    ]
    assert connection.execute("SELECT next FROM sequence").fetchall() == [(10,)]
    assert connection.execute('SELECT name FROM "values" ORDER BY name').fetchall() == [
        ("armoured",),
        ("priced",),
    ]
    connection.close()
