"""Pages of allowed origins may call and read; a request's id and trace aren't lost at the gateway."""

from __future__ import annotations

import pytest

from tests.proxy.provider import Exchange, Provider, completion, polite
from tests.proxy.running import Launch

PAGE = "https://app.example"
ASKING = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}
SERVER = {"allowed_origins": [PAGE], "api_keys": ["gk-1"]}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BODY = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("origin", [PAGE, "https://other.example"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_page_may_ask_and_read_if_its_origin_is_allowed(
    launch: Launch, provider: Provider, origin: str, stream: bool
) -> None:
    gateway = await launch(provider.arm("good"), server=SERVER)
    allowed = origin if origin == PAGE else None
    url = gateway.url + "/v1/chat/completions"
    async with gateway.session.options(url, headers={"Origin": origin, **ASKING}) as answer:
        assert answer.status == (200 if allowed else 405)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
        wanted = "authorization,content-type" if allowed else None
        assert answer.headers.get("Access-Control-Allow-Headers") == wanted
    for key, status in (("gk-1", 200), ("gk-2", 401)):
        headers = {"Origin": origin, "Authorization": f"Bearer {key}"}
        async with gateway.session.post(url, json={**BODY, "stream": stream}, headers=headers) as answer:
            await answer.read()
            assert answer.status == status
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
            assert ("X-Generation-Id" in answer.headers.get("Access-Control-Expose-Headers", "")) == bool(
                allowed
            )


async def test_options_that_are_no_preflight_are_refused_as_before(
    launch: Launch, provider: Provider
) -> None:
    gateway = await launch(provider.arm("good"), server=SERVER)
    async with gateway.session.options(
        gateway.url + "/v1/chat/completions", headers={"Origin": PAGE}
    ) as answer:
        assert answer.status == 405


@pytest.mark.parametrize("stream", [False, True])
async def test_a_requests_id_is_given_back_and_its_trace_carried_on(
    launch: Launch, provider: Provider, stream: bool
) -> None:
    heads: list[bytes] = []

    async def listening(exchange: Exchange) -> None:
        heads.append(exchange.head.lower())
        await polite(exchange)

    provider.scripts["a"] = listening
    gateway = await launch(provider.arm("a"))
    url = gateway.url + "/v1/chat/completions"
    headers = {"X-Request-ID": "req-7", "traceparent": TRACE, "tracestate": "vendor=1"}
    async with gateway.session.post(url, json={**BODY, "stream": stream}, headers=headers) as answer:
        await answer.read()
        assert answer.headers["X-Request-ID"] == "req-7"
    assert f"traceparent: {TRACE}\r\n".encode() in heads[0]
    assert b"tracestate: vendor=1" in heads[0]


@pytest.mark.parametrize("parent", ["", "00-xyz", TRACE.upper(), TRACE + "\u00fc"])
async def test_what_is_no_trace_is_not_carried_on(launch: Launch, provider: Provider, parent: str) -> None:
    gateway = await launch(provider.arm("good"))
    url = gateway.url + "/v1/chat/completions"
    headers = {"X-Request-ID": "x" * 300, "traceparent": parent, "tracestate": "vendor=1"}
    async with gateway.session.post(url, json=BODY, headers=headers) as answer:
        assert answer.status == 200
        assert "X-Request-ID" not in answer.headers
    assert b"trace" not in provider.seen[0].head.lower()


@pytest.mark.parametrize("header", ["X-Request-Id", "request-id"])
@pytest.mark.parametrize("status", [200, 400])
async def test_a_providers_own_request_id_can_be_looked_up(
    launch: Launch, provider: Provider, header: str, status: int
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(completion(), status, f"{header}: req_51\r\n")

    provider.scripts["a"] = script
    gateway = await launch(provider.arm("a"))
    _, _, headers = await gateway.chat()
    _, told = await gateway.get(f"/v1/generation?id={headers['X-Generation-Id']}")
    assert told["data"]["upstream_request_id"] == "req_51"
