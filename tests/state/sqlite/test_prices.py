"""Prices that are set at run time take part in the order of the journal, also those of earlier schemas."""

import json
import sqlite3
from dataclasses import asdict

from state.records import ArmChange, ArmPrice
from state.sqlite.journal import tail
from state.sqlite.migrations import MIGRATIONS, migrate
from state.sqlite.owners import Names
from state.sqlite.prices import IN_FORCE, changes_where
from state.sqlite.store import SqliteStore
from state.sqlite.texts import Texts
from tests.state.samples import decision


def price(name: str, usd: float = 1.0) -> ArmPrice:
    return ArmPrice(name, 5.0, {"input_usd_per_mtok": usd}, configured={"output_usd_per_mtok": 2.0})


async def test_a_price_is_a_row_among_the_others(store):
    await store.append([decision(1)], [])
    first = price("p/a")
    assert await store.change_price(first)
    await store.append([decision(2)], [])
    rows = await store.tail(0)
    assert [(type(row).__name__, row.seq) for row in rows] == [
        ("Decision", 1),
        ("ArmPrice", 2),
        ("Decision", 3),
    ]
    assert asdict(rows[1]) == asdict(first)
    assert await store.last_seq() == 3
    assert await store.integrity() == []


async def test_the_last_one_set_is_in_force_until_it_is_taken_back(store):
    for name, usd in (("b", 1.0), ("a", 2.0), ("b", 3.0)):
        await store.change_price(price(name, usd))
    assert [(row.name, row.price["input_usd_per_mtok"]) for row in await store.prices()] == [
        ("a", 2.0),
        ("b", 3.0),
    ]
    assert await store.change_price(ArmPrice("b", 6.0, None))
    assert not await store.change_price(ArmPrice("b", 7.0, None))
    assert not await store.change_price(ArmPrice("c", 7.0, None))
    assert [row.name for row in await store.prices()] == ["a"]
    assert await store.last_seq() == 4


async def test_an_arm_that_goes_takes_its_price_along(store):
    await store.change_arm(ArmChange("a", 1.0, {"name": "a"}))
    await store.change_price(price("a"))
    await store.change_arm(ArmChange("a", 2.0, None))
    assert await store.prices() == []
    assert not await store.change_price(ArmPrice("a", 7.0, None))
    await store.change_arm(ArmChange("a", 3.0, {"name": "a"}))
    assert await store.prices() == []
    await store.change_price(price("a", 4.0))
    assert [row.seq for row in await store.prices()] == [5]


async def test_a_price_beyond_the_sequence_is_reported(store, tmp_path):
    await store.change_price(price("a"))
    with sqlite3.connect(tmp_path / "journal.db") as stranger:
        stranger.execute("UPDATE sequence SET next = 1")
    stranger.close()
    assert await store.integrity() == ["the journal holds rows beyond its own sequence"]


def test_prices_of_the_first_schema_follow_the_rows_that_were_there(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    migrate(connection, MIGRATIONS[:1])
    connection.execute("UPDATE sequence SET next = 8")
    file = {"input_usd_per_mtok": 1.0}
    for name, value in {
        "price/z": {"input_usd_per_mtok": 9.0},
        "price/a/x": {"input_usd_per_mtok": 2.5, "set_at": 1.5e9, "file": file},
        "price/gone": None,
        "price/odd": [1],
        "arm/m": {"name": "m"},
        "gateway/1": {"asked": 0},
    }.items():
        connection.execute('INSERT INTO "values" VALUES (?, ?)', (name, json.dumps(value)))
    connection.execute('INSERT INTO "values" VALUES (?, ?)', ("price/torn", '{"input'))
    assert migrate(connection) == [migration.name for migration in MIGRATIONS[1:]]
    rows = changes_where(connection, f"{IN_FORCE} ORDER BY seq")
    assert [(row.seq, row.name, row.at, row.price, row.configured) for row in rows] == [
        (9, "a/x", 1.5e9, {"input_usd_per_mtok": 2.5}, file),
        (10, "z", 0.0, {"input_usd_per_mtok": 9.0}, None),
    ]
    assert [row.seq for row in tail(connection, Texts(), Names(), 0, 10)] == [8, 9, 10]
    assert connection.execute("SELECT next FROM sequence").fetchall() == [(11,)]
    assert connection.execute('SELECT name FROM "values"').fetchall() == [("gateway/1",)]
    connection.close()


async def test_two_processes_see_the_same_prices(tmp_path):
    one, other = [await SqliteStore.open(tmp_path / "a.db") for _ in range(2)]
    await one.change_price(price("a"))
    await other.change_price(price("a", 2.0))
    assert await one.prices() == await other.prices()
    await one.close()
    await other.close()
