"""Labels are rows of the journal like any other, each of them once."""

import asyncio
import hashlib

import numpy as np

from state.records import Label
from state.sqlite.store import SqliteStore
from tests.state.samples import decision, fields


def label(number, **changes):
    values = {
        "digest": hashlib.sha256(b"%d" % number).digest(),
        "at": 5.0 + number,
        "task": "code",
        "context": np.array([1.0, 0.25 * number, -0.5], np.float32),
        "qualities": {"openai/large": 1.0, "local/tiny": 0.25},
        "output_tokens": {"local/tiny": 300},
    }
    return Label(**{**values, **changes})


async def test_a_label_takes_its_place_among_the_rows_and_comes_back_with_every_field(store):
    await store.append([decision(1)], [])
    added = [label(1), label(2)]
    await store.add_labels(added)
    await store.append([decision(2)], [])
    rows = await store.tail(0)
    assert [(type(row).__name__, row.seq) for row in rows] == [
        ("Decision", 1),
        ("Label", 2),
        ("Label", 3),
        ("Decision", 4),
    ]
    assert [fields(row) for row in rows[1:3]] == [fields(row) for row in added]
    assert [row.seq for row in await store.tail(1, limit=2)] == [2, 3]
    assert await store.last_seq() == 4
    assert await store.integrity() == []


async def test_a_label_that_comes_again_is_no_row(store):
    await store.add_labels([label(1)])
    again = [label(1, qualities={"local/tiny": 0.0}), label(2), label(2)]
    await store.add_labels(again)
    assert [row.seq for row in again] == [0, 2, 0]
    assert [row.qualities for row in await store.tail(0)] == [label(1).qualities] * 2
    assert await store.last_seq() == 2


async def test_labels_of_two_processes_at_once_are_each_taken_once(tmp_path):
    one, other = [await SqliteStore.open(tmp_path / "a.db") for _ in range(2)]
    await asyncio.gather(
        *((one, other)[n % 2].add_labels([label(n // 2), label(100 + n)]) for n in range(20))
    )
    rows = await one.tail(0)
    assert [row.seq for row in rows] == list(range(1, 31))
    await one.close()
    await other.close()


async def test_the_past_is_pruned_but_labels_stay(store):
    await store.append([decision(1)], [])
    await store.add_labels([label(1)])
    assert await store.prune(1e9) == 1
    assert [type(row).__name__ for row in await store.tail(0)] == ["Label"]
