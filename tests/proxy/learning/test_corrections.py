"""A feedback that is corrected: what is taken back is what was given, with its weight, at its time, of what is left of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bandit import Bandit
from proxy.learning.learner import Learner
from state.records import Feedback
from tests.proxy.provider import Exchange, Provider, completion
from tests.proxy.running import Launch, Running


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


async def judge(gateway: Running, body: Any) -> Any:
    status, answer, _ = await gateway.post("/v1/feedback", body)
    assert status == 200, answer
    return answer


async def counted(gateway: Running) -> tuple[int, float]:
    """Returns how many feedbacks are in force, and as how many they count."""
    _, arms = await gateway.get("/v1/arms")
    return arms["data"][0]["feedback"], arms["data"][0]["quality"]["effective_samples"]


async def uncorrected(gateway: Running) -> Bandit:
    """Returns what a bandit knows that heard of every answer its last verdict alone."""
    events = await gateway.gateway.store.tail(0)
    replaced = {
        event.previous.seq for event in events if isinstance(event, Feedback) and event.previous is not None
    }
    direct = Learner(lambda _: None)
    direct.add_arms(["p/one"])
    for event in events:
        if isinstance(event, Feedback):
            event.previous = None
        if event.seq not in replaced:
            direct.apply([event])
    return direct.bandit


def assert_same_sums(one: Bandit, other: Bandit) -> None:
    """Weights of a few seconds' age differ by less than the tolerance, weights of another feedback by much more."""
    left, right = one.snapshot()[1], other.snapshot()[1]
    for name in ("quality.sums", "feedback", "heard"):
        np.testing.assert_allclose(left[name], right[name], atol=1e-3, err_msg=name)


async def test_a_verdict_of_its_own_takes_back_an_answers_part_of_its_sessions(gateway: Running) -> None:
    ids = [(await gateway.chat(session_id="s"))[1]["id"] for _ in range(4)]
    await judge(gateway, {"session_id": "s", "value": 0.5})
    assert await counted(gateway) == (4, pytest.approx(1.0, rel=1e-3))
    await judge(gateway, {"id": ids[0], "value": 1})
    assert await counted(gateway) == (4, pytest.approx(1.75, rel=1e-3))
    assert_same_sums(gateway.gateway.learner.bandit, await uncorrected(gateway))
    # And the session's next value concerns the three others alone, a third each.
    assert (await judge(gateway, {"session_id": "s", "value": 0.25}))["answers"] == 3
    assert await counted(gateway) == (4, pytest.approx(2.0, rel=1e-3))
    assert_same_sums(gateway.gateway.learner.bandit, await uncorrected(gateway))


async def test_a_complaint_that_is_corrected_is_taken_back_with_the_weight_that_it_had(
    gateway: Running,
) -> None:
    ids = [(await gateway.chat())[1]["id"] for _ in range(12)]
    await judge(gateway, [{"id": name, "value": n % 2} for n, name in enumerate(ids[:8])])
    await judge(gateway, {"id": ids[8], "value": 1, "source": "complaint"})
    [given] = await gateway.gateway.store.feedback_of(ids[8])
    assert given.weight > 1.1  # praise from those who complain
    before = (await counted(gateway))[1]
    assert before == pytest.approx(8 + given.weight, rel=1e-3)
    await judge(gateway, {"id": ids[8], "value": 0, "source": "audit"})
    [given] = await gateway.gateway.store.feedback_of(ids[8])
    assert (given.weight, given.previous.value) == (1.0, 1.0)
    assert await counted(gateway) == (9, pytest.approx(9.0, rel=1e-3))
    assert_same_sums(gateway.gateway.learner.bandit, await uncorrected(gateway))


async def test_of_an_answer_from_before_a_change_only_what_is_left_is_taken_back(
    gateway: Running, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [(await gateway.chat())[1]["id"] for _ in range(90)]
    old, new = ids[:50], ids[50:]
    await judge(gateway, [{"id": name, "value": n % 5 > 0} for n, name in enumerate(old)])
    _, arms = await gateway.get("/v1/arms")
    assert arms["data"][0]["changes_detected"] == 0
    for name in new:
        await judge(gateway, {"id": name, "value": 0})
        _, arms = await gateway.get("/v1/arms")
        if arms["data"][0]["changes_detected"]:
            break
    assert arms["data"][0]["changes_detected"] == 1
    changed = (await counted(gateway))[1]
    assert changed < 45  # some of those before the change, and those after it
    # The old ones count little by now: one that is corrected counts whole again.
    await judge(gateway, {"id": old[-1], "value": 0})
    once = (await counted(gateway))[1]
    kept = 1.0 - (once - changed)
    assert 0.0 < kept < 0.2
    for name in old[:9]:
        await judge(gateway, {"id": name, "value": 0.25})
    assert (await counted(gateway))[1] == pytest.approx(changed + 10 * (1.0 - kept), abs=1e-3)
    # One from after the change is taken back whole.
    await judge(gateway, {"id": name_of_last(new, arms), "value": 1})
    assert (await counted(gateway))[1] == pytest.approx(changed + 10 * (1.0 - kept), abs=1e-3)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def name_of_last(new: list[str], arms: dict[str, Any]) -> str:
    """The newest answer that was judged."""
    return new[arms["data"][0]["feedback"] - 51]


async def test_a_sessions_verdict_is_about_its_answers_and_not_about_what_failed(
    gateway: Running, provider: Provider
) -> None:
    async def refuses(exchange: Exchange) -> None:
        await exchange.answer({"error": {"message": "no"}}, 400)

    for _ in range(2):
        await gateway.chat(session_id="s")
    provider.scripts["one"], answering = refuses, provider.scripts["one"]
    assert (await gateway.chat(session_id="s"))[0] == 400
    provider.scripts["one"] = answering
    assert (await judge(gateway, {"session_id": "s", "value": 1}))["answers"] == 2
    assert await counted(gateway) == (2, pytest.approx(1.0, rel=1e-3))
