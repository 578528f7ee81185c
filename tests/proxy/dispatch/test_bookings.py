"""What a call tells the others of its arm: the record its propensity, the cooldowns its verdict, learning its failures."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import orjson
import pytest

from tests.proxy.provider import Exchange, Provider, Script, completion, polite
from tests.proxy.running import Launch, Running

LAST = 1.0 - 2.0**-40
"""Draws the last arm of a vector."""


def drawing(gateway: Running, *numbers: float) -> None:
    """Draws by these numbers, then by 0.0, which takes the first arm that may be drawn."""
    given = iter(numbers)
    gateway.gateway.random = lambda: next(given, 0.0)


def in_turn(*scripts: Script) -> Script:
    """Answers each request by the next script, and all others by the last one."""
    left = list(scripts)

    async def script(exchange: Exchange) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return script


def failing(status: int, headers: str = "") -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer({"error": {"message": "no", "code": status}}, status, headers)

    return script


async def explained(gateway: Running, **more: Any) -> dict[str, dict[str, Any]]:
    asked = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], **more}
    status, body, _ = await gateway.post("/v1/explain", asked)
    assert status == 200, body
    return {row["arm"]: row for row in body["candidates"]}


async def cooldown(gateway: Running, arm: str) -> Any:
    _, arms = await gateway.get("/v1/arms")
    return next(row["cooldown"] for row in arms["data"] if row["arm"] == arm)


def assert_exact(record: Any, in_header: float | None = None) -> None:
    """The propensity is the drawn arm's entry of the logged vector, bit for bit, and the vector sums to 1."""
    entry = record.probabilities[list(record.arms).index(record.arm)]
    assert record.propensity == float(entry)
    assert in_header is None or np.float32(in_header) == entry
    assert float(np.sum(record.probabilities, dtype=np.float64)) == pytest.approx(1.0, abs=1e-6)


# -- the propensity ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_the_propensity_is_that_of_the_arm_that_was_drawn_however_improbable(
    provider: Provider, launch: Launch, stream: bool
) -> None:
    provider.scripts["dear"] = polite
    gateway = await launch(
        provider.arm("good"), provider.arm("dear", input_usd_per_mtok=5000.0, output_usd_per_mtok=5000.0)
    )
    expected = {arm: row["probability"] for arm, row in (await explained(gateway)).items()}
    assert expected["p/dear"] < 0.1 < expected["p/good"]
    for number, arm in ((0.0, "p/good"), (LAST, "p/dear")):
        drawing(gateway, number)
        body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "Hi"}]}
        async with gateway.session.post(gateway.url + "/v1/chat/completions", json=body) as answer:
            assert answer.headers["X-Meritorder-Arm"] == arm
            told = float(answer.headers["X-Meritorder-Propensity"])
            await answer.read()
        record = (await gateway.decisions())[-1]
        assert record.arm == arm
        assert record.propensity == pytest.approx(expected[arm], rel=1e-5)
        assert told == pytest.approx(expected[arm], rel=1e-5)
        assert_exact(record, told)
        assert record.probabilities == pytest.approx([expected[name] for name in record.arms], rel=1e-5)
    _, arms = await gateway.get("/v1/arms")
    for row in arms["data"]:
        assert row["mean_propensity"] == pytest.approx(expected[row["arm"]], rel=1e-5)


async def test_after_a_failed_attempt_the_record_holds_the_vector_that_was_drawn_from_last(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts |= {"bad": failing(503), "dear": polite}
    dear = {"input_usd_per_mtok": 5000.0, "output_usd_per_mtok": 5000.0}
    gateway = await launch(provider.arm("good"), provider.arm("bad"), provider.arm("dear", **dear))
    first = {arm: row["probability"] for arm, row in (await explained(gateway)).items()}
    drawing(gateway, first["p/good"] + first["p/bad"] / 2, LAST)  # the middle one, then the last one
    status, _, headers = await gateway.chat()
    assert status == 200
    [record] = await gateway.decisions()
    assert [attempt["arm"] for attempt in record.attempts] == ["p/bad"]
    assert record.arm == "p/dear"
    left = first["p/good"] + first["p/dear"]
    assert record.probabilities == pytest.approx(
        [first["p/good"] / left, 0.0, first["p/dear"] / left], rel=1e-5
    )
    assert record.propensity == pytest.approx(first["p/dear"] / left, rel=1e-5)
    assert_exact(record, float(headers["X-Meritorder-Propensity"]))


@pytest.mark.parametrize("stream", [False, True])
async def test_every_arm_is_tried_once_and_the_last_failure_is_told(
    provider: Provider, launch: Launch, stream: bool
) -> None:
    names = [f"bad{number}" for number in range(6)]
    provider.scripts |= {name: failing(503) for name in names}
    gateway = await launch(*(provider.arm(name) for name in names))
    drawing(gateway)
    status, _, headers = await gateway.chat(stream=stream)
    assert (status, headers["X-Meritorder-Arm"]) == (503, "p/bad5")
    assert [exchange.json["model"] for exchange in provider.seen] == names
    [record] = await gateway.decisions()
    assert [attempt["arm"] for attempt in record.attempts] == [f"p/{name}" for name in names[:-1]]
    assert (record.arm, record.status, record.propensity) == ("p/bad5", "overloaded", 1.0)
    assert record.probabilities.tolist() == [0.0] * 5 + [1.0]
    assert all(attempt["seconds"] >= 0.0 for attempt in record.attempts)


async def test_a_lone_arm_is_asked_once_more_and_no_third_time(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.dispatch.tries.BACKOFF_S", 0.0)
    provider.scripts["bad"] = in_turn(failing(503), failing(503), polite)
    gateway = await launch(provider.arm("bad"))
    assert (await gateway.chat())[0] == 503
    assert len(provider.seen) == 2
    [record] = await gateway.decisions()
    assert [attempt["arm"] for attempt in record.attempts] == ["p/bad"]
    assert (record.status, record.propensity) == ("overloaded", 1.0)


# -- the context ---------------------------------------------------------------------------------------


async def test_the_record_has_the_context_that_was_decided_on(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"))
    asked = [("Hi", "greeting"), ("Hi", "code"), ("Prove that there are infinitely many primes.", "greeting")]
    for _ in range(2):
        for text, task in asked:
            await gateway.chat(text, task=task)
        records = await gateway.decisions()  # and the tasks are learnt
    first, second = records[:3], records[3:]
    assert [record.task for record in records] == [task for _, task in asked] * 2
    assert all(record.context[0] == 1.0 for record in records)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (second[one].context != second[other].context).any()
    assert (first[0].context == first[1].context).all()  # no task had a column yet


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "messages",
            {
                "max_tokens": 50,
                "system": "You are terse.",
                "messages": [{"role": "user", "content": "WORDS"}],
            },
        ),
        ("responses", {"max_output_tokens": 50, "instructions": "You are terse.", "input": "WORDS"}),
        (
            "messages",
            {
                "max_tokens": 50,
                "system": [{"type": "text", "text": "You are terse."}],
                "messages": [{"role": "user", "content": [{"type": "text", "text": "WORDS"}]}],
            },
        ),
    ],
    ids=["messages", "responses", "blocks"],
)
async def test_a_question_has_one_context_whatever_dialect_it_is_asked_in(
    provider: Provider, launch: Launch, path: str, body: dict[str, Any]
) -> None:
    words = "Write a function in Python that sorts a list of words. " * 20
    gateway = await launch(provider.arm("good"))
    turns = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": words}]
    assert (await gateway.chat(messages=turns, max_tokens=50))[0] == 200
    text = orjson.dumps({"model": "auto", **body}).decode().replace("WORDS", words)
    status, answer, _ = await gateway.post(f"/v1/{path}", orjson.loads(text))
    assert status == 200, answer
    chat, other = await gateway.decisions()
    assert other.context == pytest.approx(chat.context, abs=1e-6)
    assert other.task == chat.task


# -- the verdict on a probe --------------------------------------------------------------------------


async def resting(provider: Provider, launch: Launch, probe: Script) -> Running:
    """A gateway whose first arm failed and may be tried again at once: `probe` answers that, `polite` what follows."""
    provider.scripts["shy"] = in_turn(failing(429, "Retry-After: 0\r\n"), probe, polite)
    gateway = await launch(provider.arm("shy"), provider.arm("good"))
    drawing(gateway)
    assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/good"
    assert (await cooldown(gateway, "p/shy"))["state"] == "half_open"
    return gateway


async def test_a_client_that_leaves_during_a_probe_does_not_keep_the_arm_from_the_next_one(
    provider: Provider, launch: Launch
) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        asked.set()
        await exchange.left()
        left.set()

    gateway = await resting(provider, launch, silent)
    probe = asyncio.create_task(gateway.chat())
    await asked.wait()
    assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/good"  # one probe at a time
    probe.cancel()
    await left.wait()
    while gateway.gateway.calls:
        await asyncio.sleep(0)
    assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/shy"
    assert await cooldown(gateway, "p/shy") is None


async def test_a_probe_that_the_gateway_itself_ends_is_no_verdict(provider: Provider, launch: Launch) -> None:
    asked = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        asked.set()
        await exchange.left()

    gateway = await resting(provider, launch, silent)
    probe = asyncio.create_task(gateway.chat())
    await asked.wait()
    [call] = gateway.gateway.calls.values()
    call.cut("enough")
    assert (await probe)[0] == 503
    assert (await gateway.decisions())[-1].status == "shutdown"
    assert (await cooldown(gateway, "p/shy"))["reason"] == "rate_limit"
    assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/shy"


async def test_a_probe_whose_request_is_refused_shows_that_the_arm_is_well(
    provider: Provider, launch: Launch
) -> None:
    gateway = await resting(provider, launch, failing(400))
    assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/good"
    assert await cooldown(gateway, "p/shy") is None


async def test_a_probe_that_fails_rests_the_arm_again(provider: Provider, launch: Launch) -> None:
    gateway = await resting(provider, launch, failing(429, "Retry-After: 77\r\n"))
    assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/good"
    assert (await cooldown(gateway, "p/shy"))["state"] == "open"
    assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/good"


# -- what is learnt of failures ----------------------------------------------------------------------


async def test_a_failed_attempt_that_another_arm_made_good_is_learnt_of_the_arm_that_failed(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts["bad"] = failing(429, "Retry-After: 0\r\n")
    gateway = await launch(provider.arm("bad"), provider.arm("good", provider="q"))
    before = await explained(gateway)
    drawing(gateway)
    for _ in range(3):
        assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/good"
    await gateway.decisions()
    after = await explained(gateway)
    assert after["p/bad"]["error_probability"] > before["p/bad"]["error_probability"] + 0.02
    assert after["p/good"]["error_probability"] < before["p/good"]["error_probability"] + 0.005
    _, arms = await gateway.get("/v1/arms")
    counted = {row["arm"]: (row["requests"], row["errors"], row["failed_attempts"]) for row in arms["data"]}
    assert counted == {"p/bad": (0, 0, 3), "p/good": (3, 0, 0)}


@pytest.mark.parametrize(("status", "blamed"), [(429, True), (400, False)])
async def test_a_failure_that_ends_a_request_is_learnt_if_it_is_the_arms(
    provider: Provider, launch: Launch, status: int, blamed: bool
) -> None:
    provider.scripts["bad"] = failing(status, "Retry-After: 0\r\n")
    gateway = await launch(provider.arm("bad"), provider.arm("good", provider="q"))
    before = await explained(gateway)
    for _ in range(3):
        assert (await gateway.chat(model="p/bad"))[0] >= 400
    await gateway.decisions()
    after = await explained(gateway)
    worse = after["p/bad"]["error_probability"] - before["p/bad"]["error_probability"]
    assert (worse > 0.02) is blamed
    _, arms = await gateway.get("/v1/arms")
    assert arms["data"][0]["errors"] == (3 if blamed else 0)


# -- what an answer costs ----------------------------------------------------------------------------


async def test_the_cost_is_the_drawn_arms_price_of_the_counts_that_are_recorded(
    provider: Provider, launch: Launch
) -> None:
    usage = {
        "prompt_tokens": 2000,
        "completion_tokens": 300,
        "total_tokens": 2300,
        "prompt_tokens_details": {"cached_tokens": 1500},
        "completion_tokens_details": {"reasoning_tokens": 100},
    }
    provider.scripts["bad"] = failing(503)
    provider.scripts["good"] = lambda exchange: exchange.answer({**completion(), "usage": usage})
    prices = {"input_usd_per_mtok": 2.0, "output_usd_per_mtok": 10.0, "cached_input_usd_per_mtok": 0.5}
    gateway = await launch(
        provider.arm("bad", input_usd_per_mtok=70.0, output_usd_per_mtok=90.0), provider.arm("good", **prices)
    )
    await gateway.chat(model="p/good", models=["p/bad"])
    drawing(gateway)
    _, _, headers = await gateway.chat()
    assert headers["X-Meritorder-Arm"] == "p/good"
    wanted = (500 * 2.0 + 1500 * 0.5 + 300 * 10.0) / 1e6
    for record in await gateway.decisions():
        counts = (record.input_tokens, record.cached_tokens, record.output_tokens, record.reasoning_tokens)
        assert counts == (2000, 1500, 300, 100)
        assert not record.usage_estimated
        assert record.cost_usd == pytest.approx(wanted, rel=1e-9)
