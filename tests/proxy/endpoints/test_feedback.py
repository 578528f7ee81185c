"""Feedback over HTTP: whom it is about, what is refused, and that it counts exactly once."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from bandit import DIMENSION, Bandit
from proxy.learning.learner import Learner
from state.interface import StoreError
from state.records import Feedback
from tests.proxy.provider import Exchange, Provider, chunk, completion
from tests.proxy.running import Launch, Running


def judged(count: int) -> list[Feedback]:
    x = np.zeros(DIMENSION, dtype=np.float32)
    x[0] = 1.0
    return [
        Feedback(
            id=f"a{n}",
            metric="quality",
            value=float(n % 3 == 0),
            at=1.7e9 + n,
            seq=n + 1,
            arm=f"p/{n % 5}",
            context=x,
        )
        for n in range(count)
    ]


def knowing(arms: int = 5) -> Learner:
    made = Learner(lambda _: None)
    made.add_arms([f"p/{n}" for n in range(arms)])
    return made


async def test_traffic_goes_on_while_what_arms_have_in_common_is_fitted() -> None:
    direct, learner, rows = knowing(), knowing(), judged(200)
    direct.apply(rows)
    seen: list[int] = []
    asyncio.get_running_loop().call_soon(lambda: seen.append(learner.seq))
    await learner.learn(rows)
    assert 0 < seen[0] < 200  # in the midst of it
    assert_same(learner.bandit, direct.bandit)
    await learner.learn(rows)  # all of it is known
    assert_same(learner.bandit, direct.bandit)


async def test_traffic_goes_on_while_a_snapshot_is_copied() -> None:
    class Kept:
        async def save_snapshot(self, name: str, seq: int, meta: object, arrays: object) -> None:
            assert seen == ["a turn of the event loop"]
            self.seq, self.arrays = seq, arrays

    direct, learner, store, seen = knowing(), knowing(), Kept(), list[str]()
    direct.apply(judged(60))
    learner.apply(judged(60))
    asyncio.get_running_loop().call_soon(seen.append, "a turn of the event loop")
    learning = asyncio.ensure_future(learner.learn(judged(80)))  # has to wait
    await learner.save(store)
    assert store.seq == 60
    for name, array in direct.bandit.snapshot()[1].items():
        assert np.array_equal(store.arrays[name], array), name
    await learning
    assert learner.seq == 80


async def test_two_that_learn_the_same_rows_at_once_learn_them_once() -> None:
    direct, learner, rows = knowing(), knowing(), judged(120)
    direct.apply(rows)
    await asyncio.gather(learner.learn(rows[:90]), learner.learn(rows), learner.learn(rows[:100]))
    assert_same(learner.bandit, direct.bandit)


async def test_a_fit_that_fails_ends_no_learning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def singular(_: object) -> object:
        raise np.linalg.LinAlgError("Singular matrix")

    learner, rows = knowing(), judged(40)
    await learner.learn(rows[:1])
    with monkeypatch.context() as patched:
        patched.setattr(np.linalg, "inv", singular)
        await learner.learn(rows)
    assert "can't be fitted" in caplog.text
    assert learner.seq == 40
    assert sum(learner.bandit.feedback_count(arm) for arm in range(5)) == 40
    await learner.learn(judged(80))
    for arm in range(5):
        assert learner.bandit.quality_estimate(arm, 1.7e9 + 80).mean == pytest.approx(1 / 3, abs=0.1)


def numbered() -> Any:
    """A script whose answers are chatcmpl-1, chatcmpl-2, …"""
    count = 0

    async def script(exchange: Exchange) -> None:
        nonlocal count
        count += 1
        await exchange.answer(completion(id=f"chatcmpl-{count}"))

    return script


@pytest.fixture
async def gateway(provider: Provider, launch: Launch) -> Running:
    provider.scripts["one"] = numbered()
    return await launch(provider.arm("one"))


async def judge(gateway: Running, body: Any, status: int = 200, **more: Any) -> dict[str, Any]:
    found, answer, _ = await gateway.post("/v1/feedback", body, **more)
    assert found == status, answer
    return answer


async def replayed(gateway: Running) -> Bandit:
    """The bandit that a restart without any snapshot would have."""
    learner = Learner(gateway.gateway.registry.prior_of)
    learner.add_arms(gateway.gateway.registry.configured)
    await learner.catch_up(gateway.gateway.store)
    return learner.bandit


def assert_same(one: Bandit, other: Bandit) -> None:
    meta, arrays = one.snapshot()
    other_meta, other_arrays = other.snapshot()
    assert meta == other_meta
    assert arrays.keys() == other_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_allclose(array, other_arrays[name], rtol=1e-9, atol=1e-9, err_msg=name)


async def counts(gateway: Running) -> tuple[int, float]:
    _, arms = await gateway.get("/v1/arms")
    return arms["data"][0]["feedback"], arms["data"][0]["quality"]["effective_samples"]


async def test_feedback_by_the_answers_own_id_and_by_the_generation_id(gateway: Running) -> None:
    for field in ("id", "generation_id"):
        _, answer, headers = await gateway.chat()
        name = answer["id"] if field == "id" else headers["X-Generation-Id"]
        result = await judge(gateway, {field: name, "value": 0.25})
        assert result == {"id": name, "status": "new", "metric": "quality", "value": 0.25}
    assert await counts(gateway) == (2, pytest.approx(2.0, rel=1e-3))


@pytest.mark.parametrize(("given", "stored"), [(True, 1.0), (False, 0.0), (1, 1.0), (0, 0.0), (0.5, 0.5)])
async def test_a_value_is_a_bool_or_a_number_from_0_to_1(
    gateway: Running, given: object, stored: float
) -> None:
    _, answer, headers = await gateway.chat()
    assert (await judge(gateway, {"id": answer["id"], "value": given}))["value"] == stored
    _, generation = await gateway.get("/v1/generation", params={"id": headers["X-Generation-Id"]})
    assert [f["value"] for f in generation["data"]["feedback"]] == [stored]


@pytest.mark.parametrize(
    "value", [-0.001, 1.001, "0.5", "true", None, [1], {"x": 1}, 10**30, float("nan"), float("inf")]
)
async def test_a_value_that_is_none_names_the_field(gateway: Running, value: object) -> None:
    _, answer, _ = await gateway.chat()
    error = await judge(gateway, {"id": answer["id"], "value": value}, 422)
    assert error["error"]["param"] == "value"
    good = {"id": answer["id"], "value": 1}
    error = await judge(gateway, [good, good, good, {"id": answer["id"], "value": value}], 422)
    assert error["error"]["param"] == "[3].value"
    assert (await counts(gateway))[0] == 0, "a refused list changes nothing"


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"value": 1}, "id"),
        ({"id": "", "value": 1}, "id"),
        ({"id": 7, "value": 1}, "id"),
        ({"id": "x" * 257, "value": 1}, "id"),
        ({"id": "x", "session_id": "s", "value": 1}, "session_id"),
        ({"id": "x", "value": 1, "metric": "beauty"}, "metric"),
        ({"id": "x", "value": 1, "metric": ["quality"]}, "metric"),
        ({"id": "x", "value": 1, "comment": 5}, "comment"),
        ({"id": "x", "value": 1, "source": "s" * 65}, "source"),
    ],
)
async def test_a_wrong_field_is_named(gateway: Running, item: dict[str, Any], param: str) -> None:
    assert (await judge(gateway, item, 422))["error"]["param"] == param
    assert (await judge(gateway, [item], 422))["error"]["param"] == f"[0].{param}"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"[" * 5000, b'{"NaN": ' * 5000])
async def test_a_body_that_is_no_feedback_is_refused(gateway: Running, body: bytes) -> None:
    await judge(gateway, body, 400)


async def test_an_unknown_id_is_404_and_in_a_list_said_for_its_item(gateway: Running) -> None:
    error = await judge(gateway, {"id": "chatcmpl-none", "value": 1}, 404)
    assert error["error"]["param"] == "id"
    _, answer, _ = await gateway.chat()
    listed = await judge(gateway, [{"id": "no", "value": 1}, {"id": answer["id"], "value": 1}])
    assert [row["status"] for row in listed["data"]] == ["unknown", "new"]
    assert (await counts(gateway))[0] == 1


async def test_a_list_longer_than_the_limit_is_refused(gateway: Running) -> None:
    await judge(gateway, [{"id": "x", "value": 1}] * 1001, 413)


async def test_a_repetition_changes_nothing(gateway: Running) -> None:
    _, answer, _ = await gateway.chat()
    item = {"id": answer["id"], "value": 0.75}
    statuses = [(await judge(gateway, item))["status"] for _ in range(3)]
    assert statuses == ["new", "repeated", "repeated"]
    listed = await judge(gateway, [item, item])
    assert [row["status"] for row in listed["data"]] == ["repeated", "repeated"]
    assert await counts(gateway) == (1, pytest.approx(1.0, rel=1e-3))


async def test_an_idempotency_key_counts_once_whatever_the_value(gateway: Running) -> None:
    _, answer, _ = await gateway.chat()
    headers = {"Idempotency-Key": "k-1"}
    await judge(gateway, {"id": answer["id"], "value": 0.75}, headers=headers)
    again = await judge(gateway, {"id": answer["id"], "value": 0.25}, headers=headers)
    assert (again["status"], again["value"]) == ("repeated", 0.75)
    await judge(gateway, {"id": answer["id"], "value": 1}, headers={"Idempotency-Key": "x" * 257}, status=400)


async def test_the_last_correction_alone_counts(gateway: Running, provider: Provider, launch: Launch) -> None:
    _, answer, _ = await gateway.chat()
    _, other, _ = await gateway.chat("Write a function in Python.")
    await judge(gateway, {"id": other["id"], "value": 1})
    statuses = [
        (await judge(gateway, {"id": answer["id"], "value": value}))["status"] for value in (1, 0.25, 0)
    ]
    assert statuses == ["new", "corrected", "corrected"]
    assert (await counts(gateway))[0] == 2
    # What a bandit knows that never heard of the first two values.
    events = await gateway.gateway.store.tail(0)
    last = events[-1]
    direct = Learner(gateway.gateway.registry.prior_of)
    direct.add_arms(["p/one"])
    last.previous = None
    direct.apply([*events[:3], last])
    now = last.at
    for got, wanted in zip(
        gateway.gateway.learner.bandit.posterior(0, now), direct.bandit.posterior(0, now), strict=True
    ):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-9)
    assert_same(gateway.gateway.learner.bandit, await replayed(gateway))


async def test_late_feedback_counts_for_the_decision_it_is_about(gateway: Running) -> None:
    ids = [(await gateway.chat())[1]["id"] for _ in range(30)]
    listed = await judge(gateway, [{"id": name, "value": n % 2} for n, name in enumerate(reversed(ids))])
    assert {row["status"] for row in listed["data"]} == {"new"}
    assert await counts(gateway) == (30, pytest.approx(30.0, rel=1e-3))
    assert_same(gateway.gateway.learner.bandit, await replayed(gateway))


@pytest.mark.parametrize("own", [True, False])
async def test_feedback_while_the_answer_still_streams_waits_for_its_end(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    monkeypatch.setattr(import_module("proxy.endpoints.feedback.answers_under_way"), "_UNDER_WAY_S", 3600.0)
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Hel", id="chatcmpl-slow"))
        await go.wait()
        await exchange.event(chunk(finish="stop", id="chatcmpl-slow"))
        await exchange.end_stream()

    provider.scripts["slow"] = slow
    gateway = await launch(provider.arm("slow"))
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    async with gateway.session.post(gateway.url + "/v1/chat/completions", json=body) as answer:
        await answer.content.readline()
        [call] = gateway.gateway.calls.values()
        name = "chatcmpl-slow" if own else answer.headers["X-Generation-Id"]
        judging = asyncio.create_task(judge(gateway, {"id": name, "value": 1}))
        async with asyncio.timeout(30):
            while call.finished is None:
                await asyncio.sleep(0)
        assert not judging.done()
        go.set()
        async with asyncio.timeout(60):
            assert (await judging)["status"] == "new"
    assert (await counts(gateway))[0] == 1


async def test_a_store_that_fails_is_503_and_nothing_acknowledged_is_lost(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first, _ = await gateway.chat()
    await judge(gateway, {"id": first["id"], "value": 1})
    append = gateway.gateway.store.append

    async def full(*_args: object) -> Any:
        raise StoreError("the disk is full")

    monkeypatch.setattr("proxy.learning.journal.RETRY_S", 0.0)
    monkeypatch.setattr(gateway.gateway.store, "append", full)
    _, second, _ = await gateway.chat()
    status, body, headers = await gateway.post("/v1/feedback", {"id": second["id"], "value": 0})
    assert (status, body["error"]["code"], headers["Retry-After"]) == (503, "store_unavailable", "1")
    assert (await gateway.get("/readyz"))[0] == 503
    monkeypatch.setattr(gateway.gateway.store, "append", append)
    result = await judge(gateway, {"id": second["id"], "value": 0})
    assert result["status"] == "new"
    assert (await gateway.get("/readyz"))[0] == 200
    assert [d.id for d in await gateway.decisions()] == [first["id"], second["id"]]
    assert_same(gateway.gateway.learner.bandit, await replayed(gateway))


async def test_a_sessions_value_is_one_observation_shared_by_its_answers(gateway: Running) -> None:
    for _ in range(4):
        await gateway.chat(session_id="agent-7")
    await gateway.chat(session_id="another")
    result = await judge(gateway, {"session_id": "agent-7", "value": 0.5})
    assert result == {
        "session_id": "agent-7",
        "status": "new",
        "metric": "quality",
        "value": 0.5,
        "answers": 4,
    }
    rows = [f for d in await gateway.decisions() for f in await gateway.gateway.store.feedback_of(d.id)]
    assert [(f.weight, f.source) for f in rows] == [(0.25, "episode")] * 4
    assert await counts(gateway) == (4, pytest.approx(1.0, rel=1e-3))
    assert (await judge(gateway, {"session_id": "agent-7", "value": 0.5}))["status"] == "repeated"
    assert (await judge(gateway, {"session_id": "agent-7", "value": 1}))["status"] == "corrected"
    assert await counts(gateway) == (4, pytest.approx(1.0, rel=1e-3))


async def test_weight_is_fixed_by_value_and_source_without_reading_the_decision(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [(await gateway.chat(session_id="s"))[1]["id"] for _ in range(8)]
    await judge(
        gateway, [{"id": name, "value": n % 2, "source": "complaint"} for n, name in enumerate(ids[:4])]
    )
    await counts(gateway)
    bandit = gateway.gateway.learner.bandit
    expected = [bandit.feedback_weight(value, source="complaint") for value in (0.0, 1.0)]
    assert expected[0] < 0.9 < 1.1 < expected[1]

    async def unread(*_args: object) -> Any:
        raise AssertionError("nobody needs the decision")

    store = gateway.gateway.store
    monkeypatch.setattr(store, "decision", unread)
    await judge(gateway, {"id": ids[4], "value": 0, "source": "complaint"})
    await judge(gateway, {"id": ids[5], "value": 0, "source": "audit"})
    await judge(gateway, {"id": ids[6], "value": 0})
    [row] = [f for name in ids[4:5] for f in await store.feedback_of(name)]
    assert row.weight == expected[0]
    assert [(await store.feedback_of(name))[0].weight for name in ids[5:7]] == [1.0, 1.0]
    weight = bandit.feedback_weight(1.0, source="complaint")
    assert (await judge(gateway, {"session_id": "s", "value": 1, "source": "complaint"}))["answers"] == 1
    [row] = await store.feedback_of(ids[7])
    assert (row.weight, row.source) == (weight, "episode/complaint")


async def test_an_answers_own_verdict_outlasts_its_sessions(gateway: Running) -> None:
    answers = [(await gateway.chat(session_id="s"))[1]["id"] for _ in range(3)]
    await judge(gateway, {"id": answers[1], "value": 0})
    assert (await judge(gateway, [{"session_id": "s", "value": 1}]))["data"][0]["answers"] == 2
    given = [(await gateway.gateway.store.feedback_of(name))[0] for name in answers]
    assert [(f.value, f.weight) for f in given] == [(1.0, 0.5), (0.0, 1.0), (1.0, 0.5)]
    await judge(gateway, {"id": answers[0], "value": 0.25})
    assert (await gateway.gateway.store.feedback_of(answers[0]))[0].value == 0.25


async def test_an_unknown_session_is_404_and_in_a_list_said_for_its_item(gateway: Running) -> None:
    error = await judge(gateway, {"session_id": "none", "value": 1}, 404)
    assert error["error"]["param"] == "session_id"
    _, answer, _ = await gateway.chat(session_id="s")
    items = [
        {"session_id": "none", "value": 1},
        {"session_id": "s", "value": 1},
        {"id": answer["id"], "value": 0},
    ]
    listed = await judge(gateway, items)
    assert [row["status"] for row in listed["data"]] == ["unknown", "new", "corrected"]
