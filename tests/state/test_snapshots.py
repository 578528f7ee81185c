"""Snapshots: kept twice, checked, skipped when damaged."""

import sqlite3

import numpy as np
import pytest

ARRAYS = {
    "noise": np.random.default_rng(3).random((7, 3, 2)),
    "zeros": np.zeros((500, 40)),
    "empty": np.zeros((0, 3)),
    "one": np.array(1.5),
}


async def reach(store, seq):
    """Lets the journal reach `seq`."""
    await store._writer.run(lambda c: c.execute("UPDATE sequence SET next = ?", (seq + 1,)).close())


@pytest.mark.parametrize("names", [["noise", "empty", "one"], ["zeros", "noise"], []])
async def test_arrays_come_back_exactly_and_writable(store, names):
    arrays = {name: ARRAYS[name] for name in names}
    await store.save_snapshot("bandit", 0, {"arms": ["a"]}, arrays)
    ((seq, meta, found),) = await store.load_snapshots("bandit")
    assert (seq, meta, list(found)) == (0, {"arms": ["a"]}, names)
    for name in names:
        assert found[name].shape == arrays[name].shape
        assert np.array_equal(found[name], arrays[name])
        assert found[name].flags.writeable


async def test_the_newest_two_of_each_name_are_kept(store):
    await reach(store, 9)
    for name, seq in (("a", 1), ("a", 2), ("b", 3), ("a", 5), ("a", 4)):
        await store.save_snapshot(name, seq, {"n": seq}, {})
    assert [seq for seq, _, _ in await store.load_snapshots("a")] == [5, 2]
    assert [seq for seq, _, _ in await store.load_snapshots("b")] == [3]


@pytest.mark.parametrize("damage", ["substr(body, 1, 40)", "body || x'00'", "x''", "zeroblob(length(body))"])
async def test_a_damaged_snapshot_is_skipped_for_the_one_before(store, tmp_path, damage):
    await reach(store, 9)
    for seq in (1, 2):
        await store.save_snapshot("a", seq, {}, {"x": ARRAYS["noise"]})
    with sqlite3.connect(tmp_path / "journal.db") as stranger:
        stranger.execute(f"UPDATE snapshots SET body = {damage} WHERE seq = 2")
    stranger.close()
    assert [seq for seq, _, _ in await store.load_snapshots("a")] == [1]


async def test_a_damaged_seq_does_not_outrank_later_snapshots_for_ever(store, tmp_path):
    await reach(store, 9)
    await store.save_snapshot("a", 1, {}, {})
    with sqlite3.connect(tmp_path / "journal.db") as stranger:
        stranger.execute("UPDATE snapshots SET seq = 1000000")
    stranger.close()
    assert await store.load_snapshots("a") == []
    await store.save_snapshot("a", 2, {}, {})
    assert [seq for seq, _, _ in await store.load_snapshots("a")] == [2]
