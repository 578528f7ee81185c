"""Every input is hostile until parsed: what each kind of nonsense is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.proxy.provider import Provider
from tests.proxy.running import Launch

GOOD = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        (b"", 400, None, "empty"),
        (b"{", 400, None, "not valid JSON"),
        (b"[]", 400, None, "JSON object"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, None, "not valid JSON"),
        (b'"\xff"', 400, None, "not valid JSON"),
        ({"messages": GOOD["messages"]}, 400, "model", "`model`"),
        ({**GOOD, "model": 7}, 400, "model", "`model`"),
        ({**GOOD, "model": "x" * 300}, 400, "model", "256"),
        ({**GOOD, "model": "nope"}, 404, "model", "does not exist"),
        ({"model": "auto"}, 400, "messages", "`messages`"),
        ({**GOOD, "messages": []}, 400, "messages", "`messages`"),
        ({**GOOD, "messages": ["x"]}, 400, "messages[0]", "messages[0]"),
        ({**GOOD, "messages": [{"content": "x"}]}, 400, "messages[0].role", "role"),
        ({**GOOD, "messages": [{"role": "user", "content": 5}]}, 400, "messages[0].content", "content"),
        (
            {**GOOD, "messages": [{"role": "user", "content": ["x"]}]},
            400,
            "messages[0].content[0]",
            "content[0]",
        ),
        ({**GOOD, "stream": "yes"}, 400, "stream", "true or false"),
        ({**GOOD, "max_tokens": -1}, 400, "max_tokens", "positive"),
        ({**GOOD, "max_tokens": True}, 400, "max_tokens", "positive"),
        ({**GOOD, "tools": {}}, 400, "tools", "list"),
        ({**GOOD, "response_format": "json"}, 400, "response_format", "object"),
        ({**GOOD, "stream_options": 1}, 400, "stream_options", "object"),
        ({**GOOD, "task": ""}, 400, "task", "`task`"),
        ({**GOOD, "models": "x"}, 400, "models", "list"),
        ({**GOOD, "provider": {"only": 1}}, 400, "provider.only", "list"),
        ({**GOOD, "objective": "luxury"}, 422, "objective.preset", "preset"),
        ({**GOOD, "objective": {"value_usd": -1}}, 422, "objective.value_usd", "greater than 0"),
        ({**GOOD, "objective": {"valu_usd": 1}}, 422, "objective.valu_usd", "not permitted"),
    ],
)
async def test_a_bad_request_is_told_which_field_and_why(
    provider: Provider, launch: Launch, body: Any, status: int, param: str | None, words: str
) -> None:
    gateway = await launch(provider.arm("good"))
    code, answer, _ = await gateway.post("/v1/chat/completions", body)
    assert code == status
    assert answer["error"]["param"] == param
    assert words in answer["error"]["message"]
    assert not provider.seen
    assert (await gateway.chat())[0] == 200


async def test_a_body_over_the_limit_is_refused(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"), server={"max_body_bytes": 2048})
    code, answer, _ = await gateway.chat("x" * 4000)
    assert code == 413
    assert answer["error"]["code"] == "too_large"


async def test_a_huge_header_is_refused(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"))
    async with gateway.session.post(
        gateway.url + "/v1/chat/completions", json=GOOD, headers={"X-Big": "x" * 40000}
    ) as answer:
        assert answer.status in (400, 431)


async def test_paths_and_methods_that_do_not_exist_say_so(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"))
    assert (await gateway.get("/v1/nothing"))[0] == 404
    code, answer = await gateway.get("/v1/chat/completions")
    assert code == 405
    assert "POST" in answer["error"]["message"]


async def test_a_header_value_cannot_start_another_header(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"), routes={"r": {}})
    code, _, headers = await gateway.chat(model="r\r\nX-Evil: 1")
    assert code == 404
    assert "X-Evil" not in headers


async def test_without_a_key_pages_of_other_sites_and_other_host_names_are_refused(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(provider.arm("good"))
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:3000"},
    ):
        code, answer, _ = await gateway.post("/v1/chat/completions", GOOD, headers=headers)
        assert code == 403, headers
        assert answer["error"]["type"] == "permission_error"
    assert (await gateway.post("/v1/chat/completions", GOOD, headers={"Origin": gateway.url}))[0] == 200


async def test_with_a_key_every_endpoint_but_healthz_wants_it(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"), server={"api_keys": ["k1", "k2"]})
    assert (await gateway.get("/healthz"))[0] == 200
    for path in ("/v1/arms", "/v1/models", "/readyz", "/v1/generation?id=x"):
        assert (await gateway.get(path))[0] == 401, path
    assert (await gateway.get("/v1/arms", headers={"x-api-key": "k2"}))[0] == 200
    assert (await gateway.get("/v1/arms", headers={"Authorization": "Bearer k1"}))[0] == 200
    assert (await gateway.get("/v1/arms", headers={"Authorization": "Bearer k3"}))[0] == 401


async def test_pipelined_rubbish_does_not_bring_the_gateway_down(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("good"))
    port = int(gateway.url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x16\x03\x01 not http at all\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.")
    writer.close()
    await writer.wait_closed()
    assert (await gateway.chat())[0] == 200
