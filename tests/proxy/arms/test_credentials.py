"""Signed calls: AWS signatures read by botocore, Google's tokens from a fake of google-auth."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import google.auth
import google.auth.credentials
import google.auth.exceptions
import pytest
from aiohttp import web

from adapters.errors import ErrorKind, ProviderError
from proxy.arms.credentials import GoogleSigner, aws_signer
from proxy.config import ConfigError
from proxy.upstream import Endpoint
from tests.proxy.dispatch.test_call import prefer
from tests.proxy.provider import Provider
from tests.proxy.running import Launch

KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLE",
    "AWS_REGION": "eu-west-3",
}
CONVERSE = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Signed."}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
}
GENERATED = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Known."}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
}


class Cloud:
    """A loopback server that keeps what it was sent and answers one thing."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Any = CONVERSE
        self.status = 200

    async def start(self) -> Cloud:
        self._runner = web.ServerRunner(web.Server(self._handle))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.raw_path, headers, await request.read()))
        return web.json_response(self.answer, status=self.status)

    async def close(self) -> None:
        await self._runner.cleanup()


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    server = await Cloud().start()
    yield server
    await server.close()


def bedrock_arm(cloud: Cloud) -> dict[str, Any]:
    return {
        "name": "aws/claude",
        "provider": "bedrock",
        "model": "eu.anthropic.claude-sonnet-4-5-v1:0",
        "base_url": cloud.url,
    }


def vertex_arm(cloud: Cloud, name: str = "vertex/flash") -> dict[str, Any]:
    return {
        "name": name,
        "provider": "vertex",
        "model": "gemini-2.5-flash",
        "base_url": f"{cloud.url}/v1/projects/p/locations/l/publishers/google",
    }


def expected_signature(path: str, headers: dict[str, str], body: bytes, region: str) -> str:
    """Signs again what arrived, with AWS's own code."""
    names = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    url = f"https://{headers['host']}{path}"
    request = botocore.awsrequest.AWSRequest(
        method="POST", url=url, data=body, headers={name: headers[name] for name in names}
    )
    request.context["timestamp"] = headers["x-amz-date"]
    theirs = botocore.auth.SigV4Auth(
        botocore.credentials.Credentials(
            KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"], KEYS["AWS_SESSION_TOKEN"]
        ),
        "bedrock",
        region,
    )
    return theirs.signature(theirs.string_to_sign(request, theirs.canonical_request(request)), request)


async def test_a_call_of_bedrock_bears_the_signature_that_aws_would_compute(
    cloud: Cloud, launch: Launch
) -> None:
    gateway = await launch(bedrock_arm(cloud), environment=KEYS)
    status, body, _ = await gateway.chat("Grüße")
    assert (status, body["choices"][0]["message"]["content"]) == (200, "Signed.")
    [(path, headers, sent)] = cloud.seen
    assert unquote(path) == "/model/eu.anthropic.claude-sonnet-4-5-v1:0/converse"
    assert headers["host"] == cloud.url.removeprefix("http://")
    assert headers["x-amz-security-token"] == KEYS["AWS_SESSION_TOKEN"]
    assert "/eu-west-3/bedrock/aws4_request" in headers["authorization"]
    assert headers["authorization"].endswith(expected_signature(path, headers, sent, "eu-west-3"))


async def test_the_time_of_the_signature_is_now(cloud: Cloud, launch: Launch) -> None:
    gateway = await launch(bedrock_arm(cloud), environment=KEYS)
    await gateway.chat()
    [decision] = await gateway.decisions()
    stamp = datetime.fromtimestamp(decision.at, UTC).strftime("%Y%m%dT%H%M%SZ")
    assert cloud.seen[0][1]["x-amz-date"] == stamp


async def test_a_refused_signature_is_told_without_the_keys(
    cloud: Cloud, launch: Launch, provider: Provider
) -> None:
    cloud.status = 403
    cloud.answer = {
        "__type": "InvalidSignatureException",
        "message": f"host:x\nx-amz-security-token:{KEYS['AWS_SESSION_TOKEN'] * 4}\n{KEYS['AWS_SECRET_ACCESS_KEY']}",
    }
    gateway = await launch(bedrock_arm(cloud), environment=KEYS)
    status, body, _ = await gateway.chat()
    assert status == 401
    assert KEYS["AWS_SESSION_TOKEN"] not in str(body)
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in str(body)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0a1-b2.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com", "ap-southeast-2"),
        ("llm.example.org", "eu-west-3"),
    ],
)
def test_the_region_comes_from_the_host_and_else_from_the_environment(host: str, region: str) -> None:
    signer = aws_signer(Endpoint.from_url(f"https://{host}"), KEYS)
    assert f"/{region}/bedrock/" in signer.headers("/model/m/converse", b"{}", 0.0).decode()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY"),
        ({"AWS_REGION": ""}, "AWS_REGION"),
        ({"AWS_SESSION_TOKEN": "a\r\nx: y"}, "AWS_SESSION_TOKEN"),
    ],
)
def test_keys_that_cannot_sign_are_a_mistake_of_the_configuration(changed: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        aws_signer(Endpoint.from_url("https://llm.example.org"), KEYS | changed)
    assert "wJalr" not in str(raised.value)


async def test_a_bearer_key_goes_before_the_access_keys(cloud: Cloud, launch: Launch) -> None:
    gateway = await launch(bedrock_arm(cloud), environment=KEYS | {"AWS_BEARER_TOKEN_BEDROCK": "bearer-key"})
    await gateway.chat()
    assert cloud.seen[0][1]["authorization"] == "Bearer bearer-key"
    assert "x-amz-date" not in cloud.seen[0][1]


# -- Google ------------------------------------------------------------------------------------------------


class Fake(google.auth.credentials.Credentials):
    """Hands out numbered tokens, waits for `gate`, and fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.refreshed = 0
        self.failure: Exception | None = None
        self.lifetime_s = 3600.0
        self.now = 1_000_000.0
        self.gate = threading.Event()
        self.gate.set()
        self.threads: set[int] = set()

    def refresh(self, request: Any) -> None:
        self.threads.add(threading.get_ident())
        self.gate.wait(60)
        if self.failure is not None:
            raise self.failure
        self.refreshed += 1
        self.token = f"ya29-token-{self.refreshed}"
        self.expiry = datetime.fromtimestamp(self.now + self.lifetime_s, UTC).replace(tzinfo=None)

    def signer(self) -> GoogleSigner:
        return GoogleSigner(lambda: (self, None), lambda: self.now)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    credentials = Fake()
    credentials.now = 4_000_000_000.0  # integration goes by the true clock, far before this token ends
    monkeypatch.setattr(google.auth, "default", lambda scopes: (credentials, "project"))
    yield credentials
    credentials.gate.set()


async def test_a_call_of_vertex_bears_the_token(cloud: Cloud, launch: Launch, fake: Fake) -> None:
    cloud.answer = GENERATED
    gateway = await launch(vertex_arm(cloud))
    for _ in range(3):
        status, body, _ = await gateway.chat()
        assert (status, body["choices"][0]["message"]["content"]) == (200, "Known.")
    assert {headers["authorization"] for _, headers, _ in cloud.seen} == {"Bearer ya29-token-1"}
    assert cloud.seen[0][0].endswith("/publishers/google/models/gemini-2.5-flash:generateContent")
    assert fake.refreshed == 1
    assert threading.get_ident() not in fake.threads


async def test_all_arms_and_requests_wait_for_one_refresh(cloud: Cloud, launch: Launch, fake: Fake) -> None:
    cloud.answer = GENERATED
    fake.gate.clear()
    gateway = await launch(vertex_arm(cloud, "vertex/a"), vertex_arm(cloud, "vertex/b"))
    waiting = [asyncio.ensure_future(gateway.chat(model=f"vertex/{name}")) for name in "abab"]
    async with asyncio.timeout(30):
        while len(gateway.gateway.calls) < 4:
            await asyncio.sleep(0)
    assert not cloud.seen
    fake.gate.set()
    assert [status for status, _, _ in await asyncio.gather(*waiting)] == [200] * 4
    assert fake.refreshed == 1


async def test_a_token_that_cannot_be_had_lets_another_arm_answer(
    cloud: Cloud, launch: Launch, fake: Fake, provider: Provider
) -> None:
    fake.failure = google.auth.exceptions.RefreshError("invalid_grant: key=sk-very-secret-thing")
    gateway = await launch(vertex_arm(cloud), provider.arm("good"))
    prefer(gateway, "vertex/flash", "p/good")
    status, body, _ = await gateway.chat()
    assert (status, body["choices"][0]["message"]["content"]) == (200, "Hello.")
    [decision] = await gateway.decisions()
    assert [(a["arm"], a["error"]) for a in decision.attempts] == [("vertex/flash", "authentication")]
    assert "secret" not in str(decision.attempts)
    assert not gateway.gateway.cooldowns.all_well


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["chat/completions", "messages", "responses"])
async def test_without_another_arm_the_client_reads_an_authentication_error(
    cloud: Cloud, launch: Launch, fake: Fake, path: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    fake.failure = google.auth.exceptions.RefreshError("invalid_grant: key=sk-very-secret-thing")
    gateway = await launch(vertex_arm(cloud))
    asked: dict[str, Any] = {"model": "auto", "stream": stream}
    turns = [{"role": "user", "content": "Hi"}]
    asked |= {"input": "Hi"} if path == "responses" else {"messages": turns, "max_tokens": 5}
    status, body, _ = await gateway.post(f"/v1/{path}", asked)
    assert status == 401
    assert "auth" in body["error"]["type"]
    assert "RefreshError, invalid_grant" in body["error"]["message"]
    assert "secret" not in str(body) + caplog.text
    [decision] = await gateway.decisions()
    assert (decision.status, decision.http_status) == ("authentication", 401)


async def test_a_token_is_renewed_ahead_of_its_end_while_the_old_one_serves() -> None:
    fake = Fake()
    signer = fake.signer()
    await signer.ready()
    fake.now += 3600 - 301
    await signer.ready()
    assert fake.refreshed == 1
    fake.now += 2
    fake.gate.clear()
    await signer.ready()  # does not wait, though the refresh can't end
    await signer.ready()
    assert b"token-1" in signer.headers("/", b"", fake.now)
    fake.gate.set()
    await signer._renewal
    assert b"token-2" in signer.headers("/", b"", fake.now)
    assert fake.refreshed == 2


async def test_a_failed_renewal_ahead_of_the_end_is_not_the_requests_failure() -> None:
    fake = Fake()
    signer = fake.signer()
    await signer.ready()
    fake.now += 3400
    fake.failure = OSError("down")
    await signer.ready()
    await signer._renewal
    await signer.ready()
    assert b"token-1" in signer.headers("/", b"", fake.now)
    fake.now += 201
    with pytest.raises(ProviderError, match="OSError") as raised:
        await signer.ready()
    assert raised.value.kind is ErrorKind.AUTHENTICATION
    fake.failure = None
    await signer.ready()
    assert b"token-2" in signer.headers("/", b"", fake.now)


async def test_a_request_that_is_cancelled_does_not_take_the_token_from_the_others() -> None:
    fake = Fake()
    fake.gate.clear()
    signer = fake.signer()
    leaving, staying = asyncio.ensure_future(signer.ready()), asyncio.ensure_future(signer.ready())
    async with asyncio.timeout(30):
        while not fake.threads:
            await asyncio.sleep(0)
    leaving.cancel()
    fake.gate.set()
    await staying
    assert fake.refreshed == 1


async def test_a_token_no_header_can_hold_is_refused() -> None:
    fake = Fake()
    fake.apply = lambda headers: headers.update(authorization="Bearer a\r\nx-evil: 1")  # type: ignore[method-assign]
    with pytest.raises(ProviderError, match="ValueError"):
        await fake.signer().ready()


async def test_without_google_auth_the_arm_is_refused_with_the_remedy(
    cloud: Cloud, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.arms.credentials.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"vertex needs.*meritorder\[vertex\]"):
        await launch(vertex_arm(cloud))
