"""Transactions are whole: under cancellation, concurrency and a busy event loop."""

import asyncio
import threading

import pytest
from blockbuster import blockbuster_ctx

from state.records import Feedback
from state.sqlite.store import SqliteStore
from tests.state.samples import decision


async def test_a_cancelled_append_is_carried_out_whole(store):
    gate = threading.Event()
    blocked = asyncio.create_task(store._writer.run(lambda _: gate.wait()))
    cancelled = asyncio.create_task(store.append([decision(1), decision(2)], []))
    after = asyncio.create_task(store.append([decision(3)], [Feedback("chatcmpl-1", "quality", 1.0, 1.0)]))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    gate.set()
    await blocked
    first, (result,) = await after
    assert (first, result.status) == (3, "new")
    assert [row.seq for row in await store.tail(0)] == [1, 2, 3, 4]


async def test_an_error_in_the_middle_leaves_no_open_transaction(store):
    broken = decision(2)
    broken.context = None
    with pytest.raises(AttributeError):
        await store.append([decision(1, arms=("only", "here")), broken], [])
    assert not await store._writer.run(lambda c: c.in_transaction)
    await store.append([decision(3, arms=("only", "here"))], [])
    (row,) = await store.tail(0)
    assert (row.seq, row.arms) == (1, ("only", "here"))


async def test_many_appends_at_once_never_interleave(store):
    async def write(worker):
        rows = [decision(worker * 100 + n) for n in range(5)]
        first, _ = await store.append(rows, [])
        return first, [row.seq for row in rows]

    for first, seqs in await asyncio.gather(*map(write, range(1, 40))):
        assert seqs == list(range(first, first + 5))
    assert [row.seq for row in await store.tail(0)] == list(range(1, 196))


async def test_closing_waits_for_what_was_queued(tmp_path):
    store = await SqliteStore.open(tmp_path / "a.db")
    append = asyncio.create_task(store.append([decision(1)], []))
    await asyncio.sleep(0)
    await store.close()
    assert (await append)[0] == 1


async def test_a_long_read_does_not_hold_up_the_writer(store):
    await store.append([decision(1)], [])
    gate = threading.Event()
    reading = asyncio.create_task(store._read(lambda c: (c.execute("SELECT 1 FROM decisions"), gate.wait())))
    await asyncio.sleep(0)
    await store.append([decision(2)], [])
    gate.set()
    await reading


async def test_the_event_loop_never_touches_the_file(tmp_path):
    with blockbuster_ctx():
        store = await SqliteStore.open(tmp_path / "a.db")
        await store.append([decision(1)], [Feedback("chatcmpl-1", "quality", 1.0, 1.0)])
        await store.tail(0)
        await store.decision("chatcmpl-1")
        await store.save_snapshot("a", 1, {}, {})
        await store.load_snapshots("a")
        await store.set_value("a", 1)
        await store.prune(1e9)
        await store.compact()
        await store.close()


async def test_only_what_was_promised_to_last_waits_for_the_disk(store):
    async def level():
        return (await store._writer.run(lambda c: c.execute("PRAGMA synchronous").fetchone()))[0]

    normal, full = 1, 2
    await store.append([decision(1)], [])
    assert await level() == normal
    await store.append([decision(2)], [Feedback("chatcmpl-1", "quality", 1.0, 1.0)])
    assert await level() == full
    await store.append([decision(3)], [])
    await store.set_value("a", 1)
    assert await level() == full
