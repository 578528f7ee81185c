"""The schema's history: append-only, whole or not at all, safe when several start at once."""

import hashlib
import sqlite3
import threading

import pytest

from state.interface import StoreError
from state.sqlite.migrations import MIGRATIONS, Migration, migrate
from state.sqlite.store import SqliteStore

NEXT = Migration("9999 test", ("ALTER TABLE decisions ADD COLUMN extra TEXT DEFAULT 'x'",))

RELEASED = {
    "0001 journal": "b8a2c1ef65707bc0",
    "0002 arms in the journal": "031bf49d7e453961",
    "0003 labels": "06c158d4be7dae9e",
    "0004 lengths of labelled answers": "3a5c19030a8e6574",
    "0005 keys and teams": "336e76df571bace4",
    "0006 prices in the journal": "6b61600f3a8ab577",
}


def connect(path):
    return sqlite3.connect(path, isolation_level=None, timeout=10)


@pytest.fixture
def connection(tmp_path):
    opened = connect(tmp_path / "a.db")
    yield opened
    opened.close()


def test_no_released_migration_was_edited():
    found = {m.name: hashlib.sha256("\n".join(m.statements).encode()).hexdigest()[:16] for m in MIGRATIONS}
    assert found == RELEASED


def test_names_are_unique_and_in_order():
    names = [migration.name for migration in MIGRATIONS]
    assert names == sorted(set(names))


def test_a_second_run_applies_nothing(connection):
    assert migrate(connection) == [migration.name for migration in MIGRATIONS]
    assert migrate(connection) == []


def test_rows_of_the_first_schema_survive_everything_that_came_after(connection):
    migrate(connection, MIGRATIONS[:1])
    connection.execute(
        "INSERT INTO decisions (seq, id, id_hash, arm, candidates, frame) VALUES (1, 'a', 2, 'b', 3, 4)"
    )
    assert migrate(connection, (*MIGRATIONS, NEXT))[-1] == "9999 test"
    assert connection.execute("SELECT id, arm, extra FROM decisions").fetchall() == [("a", "b", "x")]


async def test_labels_of_the_third_schema_have_no_lengths(tmp_path):
    earlier = connect(tmp_path / "a.db")
    migrate(earlier, MIGRATIONS[:3])
    earlier.execute("INSERT INTO labels VALUES (1, x'01', 5.0, 'sql', x'0000803f', '{\"p/a\": 0.5}')")
    earlier.execute("UPDATE sequence SET next = 2")
    earlier.close()
    store = await SqliteStore.open(tmp_path / "a.db")
    [label] = await store.tail(0)
    await store.close()
    assert (label.task, label.qualities, label.output_tokens) == ("sql", {"p/a": 0.5}, {})


def test_a_migration_that_fails_leaves_the_schema_as_it_was(connection):
    migrate(connection)
    before = connection.execute("SELECT sql FROM sqlite_master").fetchall()
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, (*MIGRATIONS, NEXT, Migration("99999 broken", ("NONSENSE",))))
    assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before
    assert not connection.in_transaction


def test_a_newer_schema_is_refused(connection):
    migrate(connection, (*MIGRATIONS, NEXT))
    with pytest.raises(StoreError, match="newer version.*9999 test.*upgrade"):
        migrate(connection)


def test_another_programs_database_is_refused_and_left_alone(connection):
    connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="another program"):
        migrate(connection)
    assert [row[0] for row in connection.execute("SELECT name FROM sqlite_master")] == ["theirs"]


def test_several_that_start_at_once_apply_each_step_once(tmp_path):
    applied, barrier = [], threading.Barrier(4)

    def start():
        connection = connect(tmp_path / "a.db")
        barrier.wait()
        applied.extend(migrate(connection))
        connection.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert applied == [migration.name for migration in MIGRATIONS]
