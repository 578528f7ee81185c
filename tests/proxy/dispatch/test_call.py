"""Fallback before the first byte, honest errors after it, and clients that leave or lag."""

from __future__ import annotations

import asyncio
import gc
import socket

import orjson
import pytest

from proxy.dispatch.relay import Relay
from tests.proxy.provider import Exchange, Provider, Script, chunk, completion
from tests.proxy.running import Launch, Running


def failing(status: int, headers: str = "", body: object = None) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(body or {"error": {"message": "no", "code": status}}, status, headers)

    return script


async def until(condition: object) -> None:
    async with asyncio.timeout(30):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0)


def prefer(gateway: Running, *arms: str) -> None:
    """Makes the draws go to the arms in this order, whatever the bandit thinks."""
    numbers = iter([0.0, 0.0, 0.0, 0.0])
    gateway.gateway.random = lambda: next(numbers, 0.0)
    indices = {arm: gateway.gateway.arms.by_name[arm].index for arm in arms}
    assert [indices[arm] for arm in arms] == sorted(indices.values()), "draws of 0.0 take the first arm left"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 401, 404])
async def test_another_arm_answers_when_the_first_fails_before_its_first_byte(
    provider: Provider, launch: Launch, status: int, stream: bool
) -> None:
    provider.scripts["bad"] = failing(status)
    gateway = await launch(provider.arm("bad"), provider.arm("good"))
    prefer(gateway, "p/bad", "p/good")
    code, body = await gateway.stream() if stream else (await gateway.chat())[:2]
    assert code == 200
    assert "Hel" in str(body)
    [decision] = await gateway.decisions()
    assert decision.arm == "p/good"
    assert decision.status == "ok"
    assert [(a["arm"], a["status"]) for a in decision.attempts] == [("p/bad", status)]
    assert decision.propensity == pytest.approx(1.0)


async def test_an_unreachable_arm_is_passed_over(provider: Provider, launch: Launch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = provider.arm("gone", base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        gateway = await launch(gone, provider.arm("good"))
        prefer(gateway, "p/gone", "p/good")
        code, _, _ = await gateway.chat()
    assert code == 200
    [decision] = await gateway.decisions()
    assert decision.attempts[0]["error"] == "upstream"


async def test_a_request_that_two_arms_find_invalid_is_not_tried_at_a_third(
    provider: Provider, launch: Launch
) -> None:
    error = {
        "error": {"message": "temperature too high", "type": "invalid_request_error", "param": "temperature"}
    }
    for arm in ("picky", "strict"):
        provider.scripts[arm] = failing(400, body=error)
    gateway = await launch(provider.arm("picky"), provider.arm("strict"), provider.arm("third"))
    prefer(gateway, "p/picky", "p/strict", "p/third")
    code, body, _ = await gateway.chat(temperature=9.0)
    assert code == 400
    assert "temperature too high" in body["error"]["message"]
    assert gateway.gateway.cooldowns.all_well
    assert not gateway.gateway.refusals.any
    assert [exchange.json["model"] for exchange in provider.seen] == ["picky", "strict"]


async def test_retry_after_sets_the_cooldown_and_reaches_the_client(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts["busy"] = failing(429, "Retry-After: 77\r\n")
    gateway = await launch(provider.arm("busy"))
    code, _, headers = await gateway.chat()
    assert code == 429
    assert headers["Retry-After"] == "77"
    _, arms = await gateway.get("/v1/arms")
    cooldown = arms["data"][0]["cooldown"]
    assert cooldown["state"] == "open"
    assert 70 < cooldown["seconds_left"] <= 77


async def test_a_cooling_arm_gets_no_traffic_and_the_last_one_left_gets_it_anyway(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts["busy"] = failing(429, "Retry-After: 77\r\n")
    gateway = await launch(provider.arm("busy"), provider.arm("good"))
    prefer(gateway, "p/busy", "p/good")
    await gateway.chat()
    for _ in range(5):
        assert (await gateway.chat())[0] == 200
    assert [e.json["model"] for e in provider.seen] == ["busy"] + ["good"] * 6
    code, _, _ = await gateway.chat(model="p/busy")
    assert code == 429
    assert provider.seen[-1].json["model"] == "busy"


async def test_status_200_with_an_error_body_is_a_failure(provider: Provider, launch: Launch) -> None:
    provider.scripts["liar"] = failing(200, body={"error": {"message": "over capacity", "code": 503}})
    gateway = await launch(provider.arm("liar"), provider.arm("good"))
    prefer(gateway, "p/liar", "p/good")
    code, body, _ = await gateway.chat()
    assert code == 200
    assert body["choices"][0]["message"]["content"] == "Hello."
    [decision] = await gateway.decisions()
    assert decision.attempts[0]["arm"] == "p/liar"


async def test_an_error_event_before_any_content_is_made_good_by_another_arm(
    provider: Provider, launch: Launch
) -> None:
    async def liar(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk(role="assistant", content=""))
        await exchange.event({"error": {"message": "overloaded", "code": 503}})
        await exchange.end_stream()

    provider.scripts["liar"] = liar
    gateway = await launch(provider.arm("liar"), provider.arm("good"))
    prefer(gateway, "p/liar", "p/good")
    code, body = await gateway.stream()
    assert code == 200
    assert b'"Hel"' in body
    assert b"overloaded" not in body


async def test_a_stream_cut_in_the_middle_ends_with_an_error_event_and_is_booked_as_a_failure(
    provider: Provider, launch: Launch
) -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Hel"))
        exchange.cut()

    provider.scripts["cut"] = cut
    gateway = await launch(provider.arm("cut"), provider.arm("good"))
    prefer(gateway, "p/cut", "p/good")
    code, body = await gateway.stream()
    assert code == 200
    assert b'"Hel"' in body
    events = [orjson.loads(line[6:]) for line in body.split(b"\n\n") if line.startswith(b"data: {")]
    assert events[-1]["error"]["code"] == 502
    assert events[-1]["choices"][0]["finish_reason"] == "error"
    [decision] = await gateway.decisions()
    assert decision.status == "upstream"
    assert decision.usage_estimated
    _, arms = await gateway.get("/v1/arms")
    assert arms["data"][0]["errors"] == 1


async def test_a_stream_that_ends_cleanly_but_early_is_not_passed_off_as_whole(
    provider: Provider, launch: Launch
) -> None:
    async def early(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Hel"))
        exchange.writer.write(b"0\r\n\r\n")
        await exchange.writer.drain()

    provider.scripts["early"] = early
    gateway = await launch(provider.arm("early"))
    _, body = await gateway.stream()
    assert b'"finish_reason":"error"' in body.replace(b" ", b"")


async def test_a_client_that_leaves_cancels_the_upstream_and_is_billed_for_what_came(
    provider: Provider, launch: Launch
) -> None:
    left = asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Hel"))
        await exchange.left()
        left.set()

    provider.scripts["endless"] = endless
    gateway = await launch(provider.arm("endless"))
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    answer = await gateway.session.post(gateway.url + "/v1/chat/completions", json=body)
    assert b"Hel" in await answer.content.readline()
    answer.close()
    async with asyncio.timeout(30):
        await left.wait()
    await until(lambda: not gateway.gateway.calls)
    [decision] = await gateway.decisions()
    assert decision.status == "cancelled"
    assert decision.usage_estimated
    assert decision.cost_usd > 0.0
    _, arms = await gateway.get("/v1/arms")
    assert arms["data"][0]["errors"] == 0


async def test_a_client_that_leaves_before_the_first_byte_cancels_the_upstream_too(
    provider: Provider, launch: Launch
) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        asked.set()
        await exchange.left()
        left.set()

    provider.scripts["silent"] = silent
    gateway = await launch(provider.arm("silent"))
    task = asyncio.create_task(gateway.chat())
    await asked.wait()
    task.cancel()
    async with asyncio.timeout(30):
        await left.wait()


async def test_a_slow_client_holds_the_upstream_back_and_memory_stays_bounded(
    provider: Provider, launch: Launch
) -> None:
    sent = 0
    piece = chunk("x" * 8000)
    flooding: list[Exchange] = []

    async def flood(exchange: Exchange) -> None:
        nonlocal sent
        flooding.append(exchange)
        await exchange.begin_stream()
        for _ in range(4000):  # 32 MB
            await exchange.event(piece)
            sent += 1
        await exchange.event(chunk(finish="stop"))
        await exchange.end_stream()

    provider.scripts["flood"] = flood
    gateway = await launch(provider.arm("flood"))
    port = int(gateway.url.rsplit(":", 1)[1])
    body = orjson.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)
    )
    await reader.readline()
    # Not read any further: the flood must come to a stop, far from its end.
    [call] = gateway.gateway.calls.values()
    assert call.relay is not None
    upstream = call.relay.exchange
    assert upstream is not None
    held_back = flooding[0].writer.transport
    await until(lambda: upstream.paused and held_back.get_write_buffer_size() > 64 * 1024)
    assert 0 < sent < 3000
    total = 0
    async with asyncio.timeout(60):
        while data := await reader.read(1 << 20):
            total += len(data)
            if data.endswith(b"0\r\n\r\n"):
                break
    assert total > 32_000_000
    writer.close()
    await writer.wait_closed()


async def test_silence_is_filled_with_comments_and_another_arm_may_still_take_over(
    provider: Provider, launch: Launch
) -> None:
    go = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await go.wait()
        await exchange.answer({"error": {"message": "no"}}, 503)

    provider.scripts["slow"] = slow
    gateway = await launch(provider.arm("slow"), provider.arm("good"))
    prefer(gateway, "p/slow", "p/good")
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    request = asyncio.create_task(gateway.session.post(gateway.url + "/v1/chat/completions", json=body))
    await until(lambda: gateway.gateway.calls and provider.seen)
    [call] = gateway.gateway.calls.values()
    call.relay.keep_alive(gateway.gateway.loop.time() + 11.0, 10.0)
    answer = await request
    assert (await answer.content.readline()).startswith(b":")
    go.set()
    rest = await answer.read()
    assert b'"Hel"' in rest
    assert rest.endswith(b"data: [DONE]\n\n")


async def test_a_stale_pooled_connection_is_retried_unseen(provider: Provider, launch: Launch) -> None:
    closing = 0

    async def once(exchange: Exchange) -> None:
        nonlocal closing
        await exchange.answer(completion())
        closing += 1
        exchange.writer.close()

    provider.scripts["once"] = once
    gateway = await launch(provider.arm("once"))
    for _ in range(3):
        assert (await gateway.chat())[0] == 200
    assert closing == 3
    assert all(not decision.attempts for decision in await gateway.decisions())


async def test_the_request_travels_as_written_when_only_the_model_changes(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(provider.arm("good"))
    raw = b'{"model" : "auto", "messages":[{"role":"user","content":"\\u00e9 \\"model\\": \\"x\\" "}], "seed": 123456789012345678901234567890, "t":1e400}'
    raw = raw.replace(b', "t":1e400', b', "temperature": 1.0e0')
    await gateway.post("/v1/chat/completions", raw)
    assert provider.seen[0].raw == raw.replace(b'"model" : "auto"', b'"model":"good"')


async def test_the_gateways_own_fields_stay_here(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"))
    await gateway.chat(objective="cheap", task="greeting", session_id="s1", provider={"only": ["p"]})
    assert set(provider.seen[0].json) == {"model", "messages"}
    [decision] = await gateway.decisions()
    assert decision.task == "greeting"
    assert decision.session == "s1"
    assert decision.objective["value_usd"] == 0.005


async def test_an_arm_that_fails_is_said_in_the_log_once_and_named_to_the_client(
    provider: Provider, launch: Launch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuses(exchange: Exchange) -> None:
        await exchange.answer({"error": {"message": "Incorrect API key: sk-upstream-secret."}}, 401)

    provider.scripts["refuses"] = refuses
    gateway = await launch(provider.arm("refuses"))
    for _ in range(3):
        status, _, headers = await gateway.chat()
        assert (status, headers["X-Meritorder-Arm"]) == (401, "p/refuses")
    said = [record.getMessage() for record in caplog.records if "rests" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("p/refuses rests after authentication: ")
    assert "sk-upstream-secret" not in caplog.text


async def test_a_route_may_stand_in_a_list_of_models(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"), routes={"mine": {"arms": ["p/*"]}})
    for models in (["mine"], ["auto"]):
        status, _, headers = await gateway.chat(models=models)
        assert (status, headers["X-Meritorder-Arm"]) == (200, "p/good")


async def test_an_answer_that_was_delivered_does_not_wait_for_the_cycle_collector(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(provider.arm("good"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            assert (await gateway.chat())[0] == 200
        # The one connection to the provider remembers whom it served last.
        assert sum(isinstance(thing, Relay) for thing in gc.get_objects()) <= 1
    finally:
        gc.enable()
