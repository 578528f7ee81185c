"""What a client shows to the gateway stays with it: no credential travels to an upstream, on no path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.faults.recorder import DIALECTS, ENDPOINTS, Recorder, refusal, request
from tests.proxy.running import Launch, Running

CLIENT = "client-key-of-a-service"
SECRETS = {
    "Authorization": f"Bearer {CLIENT}",
    "x-api-key": "secret-x-api-key",
    "api-key": "secret-api-key",
    "x-goog-api-key": "secret-goog-key",
    "Cookie": "session=secret-cookie",
    "Proxy-Authorization": "Basic secret-proxy-login",
    "X-Amz-Security-Token": "secret-amz-token",
    "OpenAI-Organization": "secret-organization",
    "X-Auth-Token": "secret-auth-token",
    "Forwarded": "for=secret-forwarded",
    "Referer": "https://page.example/?token=secret-referer",
    "anthropic-version": "secret-version",
    "anthropic-beta": "a-beta-that-may-travel",
}


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    server = await Recorder(lambda _: refusal("no")).start()
    yield server
    await server.close()


async def _gateway(launch: Launch, recorder: Recorder) -> Running:
    arms = [recorder.arm(dialect, dialect, api_key="upstreams-own-key") for dialect in DIALECTS]
    arms.append(recorder.arm("keyless", "openai_chat"))
    return await launch(*arms, server={"api_keys": [CLIENT]})


def travelled(recorder: Recorder) -> list[bytes]:
    heads = b"".join(recorder.heads)
    return [
        word for word in (b"secret", CLIENT.encode()) if word in heads or word in b"".join(recorder.bodies)
    ]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_no_credential_of_a_client_travels(launch: Launch, recorder: Recorder, endpoint: str) -> None:
    gateway = await _gateway(launch, recorder)
    asked = 0
    for arm in (*DIALECTS, "keyless"):
        for stream in (False, True):
            body, kind = request(endpoint, arm, stream=stream)
            async with gateway.session.post(
                gateway.url + endpoint, data=body, headers=SECRETS | {"Content-Type": kind}
            ) as answer:
                await answer.read()
                asked += 1
    assert asked == 2 * (len(DIALECTS) + 1)
    assert len(recorder.heads) >= 4  # not every dialect has words for every API
    assert travelled(recorder) == []
    keyless = [head for head in recorder.heads if b"/keyless/" in head]
    assert all(b"authorization" not in head.lower() for head in keyless)
    assert all(b"upstreams-own-key" in head for head in recorder.heads if head not in keyless)
    assert all(
        name not in head.lower() for head in recorder.heads for name in (b"cookie", b"referer", b"forwarded")
    )


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/messages"])
async def test_no_credential_travels_of_a_request_that_is_out_of_the_ordinary(
    launch: Launch, recorder: Recorder, endpoint: str
) -> None:
    """In chunks it goes another way through the gateway."""
    gateway = await _gateway(launch, recorder)
    for arm in ("openai_chat", "anthropic_messages"):
        body, kind = request(endpoint, arm)
        head = (
            f"POST {endpoint} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n"
        )
        head += "".join(f"{name}: {value}\r\n" for name, value in SECRETS.items())
        host, _, port = gateway.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode() + b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        assert b"HTTP/1.1 4" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert len(recorder.heads) == 2
    assert travelled(recorder) == []
