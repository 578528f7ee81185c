"""The contract of `Store`, on SQLite."""

import math
import stat

import numpy as np
import pytest

from state.records import Feedback
from state.sqlite.migrations import BLOCK_BITS
from state.sqlite.store import SqliteStore
from tests.state.samples import decision, fields


def quality(id, value, **more):
    return Feedback(id, "quality", value, at=5000.0, **more)


async def test_a_decision_comes_back_with_every_field(store):
    rows = [
        decision(1),
        decision(2, error=None, attempts=[], session=None, user=None, ttft_s=None, request_id=""),
        decision(3, session=None, user=None),
    ]
    await store.append(rows, [])
    assert [fields(await store.decision(row.id)) for row in rows] == [fields(row) for row in rows]


async def test_rows_get_consecutive_seqs_decisions_first(store):
    given, rows = await store.append([decision(1)], [])
    assert (given, rows) == (1, [])
    more, value = [decision(2), decision(3)], quality("chatcmpl-2", 1.0)
    given, _ = await store.append(more, [quality("nobody", 1.0), value])
    assert (given, [row.seq for row in more], value.seq) == (2, [2, 3], 4)
    assert await store.last_seq() == 4


@pytest.mark.parametrize("size", [16, 17, 64, 65, 500])
async def test_a_batch_is_written_in_slices_and_in_one_transaction(store, size):
    batch = [decision(number) for number in range(size)]
    first, _ = await store.append(batch, [])
    assert [row.seq for row in batch] == list(range(first, first + size))
    found = await store.tail(first - 1, size + 1)
    assert [(row.seq, row.id) for row in found] == [(row.seq, row.id) for row in batch]


async def test_a_batch_that_fails_in_a_later_slice_leaves_nothing(store):
    batch = [decision(number) for number in range(40)]
    batch[39].probabilities = None
    before = await store.last_seq()
    with pytest.raises(AttributeError):
        await store.append(batch, [])
    assert await store.last_seq() == before
    assert await store.tail(before, 100) == []
    batch[39].probabilities = batch[38].probabilities
    assert (await store.append(batch, []))[0] == before + 1


async def test_feedback_takes_arm_task_and_context_from_its_decision(store):
    value = quality("chatcmpl-4", 0.5, weight=2.0, source="judge", comment="fine")
    _, (result,) = await store.append([decision(4)], [value])
    assert result.status == "new"
    assert result.feedback is value
    assert (value.arm, value.task, value.context.tolist()) == ("mistral/small", "code", [1.0, 4.0, -0.25])


async def test_a_correction_names_the_row_that_it_replaces_and_so_does_the_tail(store):
    await store.append([decision(1)], [quality("chatcmpl-1", 0.1, weight=3.0)])
    _, (second,) = await store.append([], [quality("chatcmpl-1", 0.2)])
    _, (third,) = await store.append([], [quality("chatcmpl-1", 0.3)])
    assert (second.status, third.status) == ("corrected", "corrected")
    assert (second.feedback.previous.value, second.feedback.previous.weight) == (0.1, 3.0)
    tail = (await store.tail(0))[1:]
    assert [row.previous and row.previous.value for row in tail] == [None, 0.1, 0.2]
    assert [row.previous and row.previous.arm for row in tail] == [None, "mistral/small", "mistral/small"]
    assert [row.value for row in await store.feedback_of("chatcmpl-1")] == [0.3]


async def test_a_correction_within_one_batch_sees_the_row_before_it(store):
    rows = [quality("chatcmpl-1", 0.1), quality("chatcmpl-1", 0.9), quality("chatcmpl-1", 0.9)]
    _, results = await store.append([decision(1)], rows)
    assert [result.status for result in results] == ["new", "corrected", "repeated"]
    assert rows[1].previous.seq == rows[0].seq


async def test_a_value_that_was_in_force_before_is_a_correction_again(store):
    for value in (0.1, 0.2, 0.1):
        _, (result,) = await store.append(
            [decision(1)] if value == 0.1 else [], [quality("chatcmpl-1", value)]
        )
    await store.append([decision(2)], [])
    statuses = []
    for value in (0.1, 0.2, 0.1):
        _, (result,) = await store.append([], [quality("chatcmpl-2", value)])
        statuses.append(result.status)
    assert statuses == ["new", "corrected", "corrected"]


async def test_a_repeated_value_takes_no_seq(store):
    await store.append([decision(1)], [quality("chatcmpl-1", 0.5)])
    _, (again,) = await store.append([], [quality("chatcmpl-1", 0.5)])
    assert again.status == "repeated"
    assert (again.feedback.seq, await store.last_seq()) == (2, 2)


async def test_an_idempotency_key_counts_once_even_after_a_correction(store):
    await store.append([decision(1)], [quality("chatcmpl-1", 0.5, idempotency_key="k")])
    await store.append([], [quality("chatcmpl-1", 0.9)])
    _, (again,) = await store.append([], [quality("chatcmpl-1", 0.5, idempotency_key="k")])
    assert again.status == "repeated"
    assert [row.value for row in await store.feedback_of("chatcmpl-1")] == [0.9]


async def test_an_idempotency_key_is_of_one_answer_and_one_metric(store):
    rows = [
        quality("chatcmpl-1", 0.5, idempotency_key="k"),
        quality("chatcmpl-2", 0.5, idempotency_key="k"),
        Feedback("chatcmpl-1", "tone", 0.5, at=1.0, idempotency_key="k"),
    ]
    _, results = await store.append([decision(1), decision(2)], rows)
    assert [result.status for result in results] == ["new", "new", "new"]


async def test_feedback_for_nothing_known_is_unknown(store):
    _, (result,) = await store.append([], [quality("nobody", 1.0)])
    assert (result.status, result.feedback, await store.last_seq()) == ("unknown", None, 0)


async def test_an_id_that_the_upstream_repeats_means_the_latest_and_no_row_is_lost(store):
    old, new = decision(1, id="same"), decision(2, id="same")
    await store.append([old], [])
    await store.append([new], [quality("same", 1.0), quality("gen-1", 0.0)])
    assert (await store.decision("same")).seq == new.seq
    assert [row.id for row in (await store.tail(0))[:2]] == ["same", "same"]
    assert [row.value for row in await store.feedback_of("gen-1")] == [0.0]
    assert [row.value for row in await store.feedback_of("gen-2")] == [1.0]


async def test_ids_are_found_in_every_block(store):
    count = (2 << BLOCK_BITS) + 10
    await store.append([decision(n) for n in range(1, count + 1)], [])
    for number in (1, 1 << BLOCK_BITS, (1 << BLOCK_BITS) + 1, count):
        assert (await store.decision(f"chatcmpl-{number}")).seq == number
        assert (await store.decision(f"gen-{number}")).seq == number
    assert await store.decision("gen-0") is None


async def test_the_tail_is_paged_and_in_order(store):
    await store.append([decision(1), decision(2)], [quality("chatcmpl-1", 0.5)])
    await store.append([decision(3)], [quality("chatcmpl-3", 0.5)])
    assert [row.seq for row in await store.tail(1, limit=3)] == [2, 3, 4]
    assert [row.seq for row in await store.tail(4)] == [5]
    assert await store.tail(5) == []


async def test_decisions_between_pages_by_seq_and_takes_the_start_but_not_the_end(store):
    late = decision(3, id="late", at=1000.5)
    await store.append([decision(1), decision(2), late], [])
    await store.append([decision(n) for n in range(4, (1 << BLOCK_BITS) + 50)], [])
    assert [row.id for row in await store.decisions_between(1000.5, 1002.0)] == ["chatcmpl-1", "late"]
    start, paged, after = 1000.0 + (1 << BLOCK_BITS) - 5, [], 0
    while page := await store.decisions_between(start, start + 10, after=after, limit=3):
        paged += [row.at - start for row in page]
        after = page[-1].seq
    assert paged == list(range(10))


async def test_a_session_is_its_latest_decisions_oldest_first(store):
    await store.append([decision(n, session="a" if n % 2 else "b") for n in range(1, 8)], [])
    assert [row.seq for row in await store.session("a", limit=2)] == [5, 7]
    assert await store.session("c") == []


async def test_values_are_found_by_prefix_without_wildcards(store):
    for name in ("price/a", "price/b", "arm_x", "armyx"):
        await store.set_value(name, {"usd": [1, None]})
    await store.set_value("price/b", 2)
    assert await store.values("price/") == {"price/a": {"usd": [1, None]}, "price/b": 2}
    assert list(await store.values("arm_")) == ["arm_x"]


async def test_what_sqlite_cannot_hold_does_not_keep_a_batch_out(store):
    odd = decision(2, id="bad\udcff", session="\ud800", input_tokens=2**70, propensity=math.nan, at=math.nan)
    plain = decision(4, id="so\udcff", session=None, user=None, ttft_s=None)
    value = quality("bad\udcff", 1.0, comment="\udcff")
    _, (result,) = await store.append([decision(1), odd, decision(3), plain], [value])
    assert result.status == "new"
    assert [row.id for row in (await store.tail(0))[:4]] == ["chatcmpl-1", "bad?", "chatcmpl-3", "so?"]
    stored = await store.decision("bad\udcff")
    assert (stored.session, stored.input_tokens) == ("?", 2**63 - 1)
    assert math.isnan(stored.propensity)


async def test_feedback_that_is_no_number_is_refused_before_anything_is_written(store):
    with pytest.raises(ValueError, match="finite"):
        await store.append([decision(1)], [quality("chatcmpl-1", math.nan)])
    assert await store.last_seq() == 0


async def test_pruning_takes_feedback_along_and_what_is_cached_stays_right(store):
    await store.append([decision(n) for n in range(1, 1201)], [quality("chatcmpl-1", v) for v in (0.1, 0.2)])
    assert await store.prune(1000.0 + 1100) == 1099
    assert await store.feedback_of("chatcmpl-1") == []
    assert await store.prune(1e9) == 101
    await store.append([decision(5000)], [])
    assert (await store.decision("chatcmpl-5000")).seq == 1203
    assert await store.integrity() == []


async def test_another_process_that_sweeps_texts_does_not_break_this_one(tmp_path):
    one, two = [await SqliteStore.open(tmp_path / "a.db") for _ in range(2)]
    await one.append([decision(1)], [])
    await two.prune(1e9)
    await one.append([decision(2)], [])
    assert (await two.decision("chatcmpl-2")).arms == decision(2).arms
    await one.close()
    await two.close()


async def test_forgetting_a_user_leaves_no_trace_in_the_file(tmp_path):
    path = tmp_path / "a.db"
    store = await SqliteStore.open(path)
    mine = decision(1, user="erika-mustermann", session="erika-session")
    await store.append([mine, decision(2)], [quality("chatcmpl-1", 1.0, comment="erika was here")])
    assert await store.forget_user("erika-mustermann") == 1
    assert [row.id for row in await store.tail(0)] == ["chatcmpl-2"]
    assert b"erika" not in path.read_bytes() + (tmp_path / "a.db-wal").read_bytes()
    await store.close()


async def test_compacting_gives_pruned_space_back(store):
    await store.append([decision(n, context=np.zeros(500, np.float32)) for n in range(1, 2001)], [])
    before = await store.size()
    await store.prune(1e9)
    freed = await store.compact()
    after = await store.size()
    assert freed > before.bytes / 2
    assert (after.bytes, after.free_bytes, after.decisions) == (before.bytes - freed, 0, 0)


async def test_everything_is_there_after_closing_and_opening(tmp_path):
    store = await SqliteStore.open(tmp_path / "a.db")
    await store.append([decision(1)], [quality("chatcmpl-1", 0.5)])
    await store.close()
    await store.close()
    store = await SqliteStore.open(tmp_path / "a.db")
    assert [row.seq for row in await store.tail(0)] == [1, 2]
    await store.close()


async def test_a_store_in_memory_keeps_the_contract():
    store = await SqliteStore.open(":memory:")
    await store.append([decision(1)], [quality("chatcmpl-1", 0.5)])
    assert [row.seq for row in await store.tail(0)] == [1, 2]
    await store.close()


async def test_only_the_owner_may_read_the_files(tmp_path):
    store = await SqliteStore.open(tmp_path / "a.db")
    await store.append([decision(1)], [])
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {0o600}
    await store.close()
