"""Keys are different clients: each does what its scopes allow, and reads and judges its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.proxy.provider import Exchange, Provider, completion, polite
from tests.proxy.running import Launch, Running

ANN, BEN, CID, EVE, OPS = ({"x-api-key": f"sk-{name}"} for name in ("ann", "ben", "cid", "eve", "ops"))
KEYS: list[Any] = [
    {"key": "sk-ann", "team": "red"},
    {"key": "sk-ben", "team": "red"},
    {"key": "sk-cid", "team": "blue"},
    "sk-eve",
    {"key": "sk-ops", "name": "ops", "scopes": ["data", "feedback", "read", "admin"]},
]
BODY = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}


async def alike(exchange: Exchange) -> None:
    """A server that gives every answer the same id, as some do."""
    await exchange.answer({**completion(), "id": "chatcmpl-0"})


@pytest.fixture
async def gateway(provider: Provider, launch: Launch) -> Running:
    provider.scripts["good"] = alike
    return await launch(provider.arm("good"), server={"api_keys": KEYS})


async def asked(gateway: Running, headers: dict[str, str], **more: Any) -> str:
    """Returns the X-Generation-Id of an answer."""
    code, _, got = await gateway.post("/v1/chat/completions", {**BODY, **more}, headers=headers)
    assert code == 200
    return str(got["X-Generation-Id"])


async def read(gateway: Running, name: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    return await gateway.get("/v1/generation", params={"id": name}, headers=headers)


async def verdicts(gateway: Running, name: str) -> list[float]:
    _, found = await read(gateway, name, OPS)
    return [entry["value"] for entry in found["data"]["feedback"]]


async def judge(gateway: Running, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    code, answer, _ = await gateway.post("/v1/feedback", body, headers=headers)
    return code, answer


# --- reading and judging ----------------------------------------------------------------------------------


async def test_a_generation_is_read_by_its_key_its_team_and_the_operator(gateway: Running) -> None:
    name = await asked(gateway, ANN, session_id="support-1", user="alice")
    for headers, code in ((ANN, 200), (BEN, 200), (OPS, 200), (CID, 404), (EVE, 404)):
        assert (await read(gateway, name, headers))[0] == code
    _, unknown = await read(gateway, "gen-nothing", EVE)
    _, hidden = await read(gateway, name, EVE)
    assert hidden["error"]["code"] == unknown["error"]["code"] == "generation_not_found"
    assert hidden["error"]["message"].replace(name, "gen-nothing") == unknown["error"]["message"]


async def test_an_id_that_many_answers_share_means_the_callers_own_first(gateway: Running) -> None:
    names = [(headers, await asked(gateway, headers)) for headers in (ANN, CID, EVE, OPS, CID)]
    for headers, name in (
        (ANN, names[0][1]),
        (BEN, names[0][1]),
        (EVE, names[2][1]),
        (CID, names[1][1]),  # the later answer has an id of its own
        (OPS, names[3][1]),
    ):
        assert (await read(gateway, "chatcmpl-0", headers))[1]["data"]["id"] == name
    assert (await judge(gateway, {"id": "chatcmpl-0", "value": 0}, EVE))[0] == 200
    assert [await verdicts(gateway, name) for _, name in names] == [[], [], [0.0], [], []]


async def test_another_key_judges_neither_by_id_nor_in_a_list(gateway: Running) -> None:
    name, own = await asked(gateway, ANN), await asked(gateway, EVE)
    assert (await judge(gateway, {"id": name, "value": 1}, ANN))[0] == 200
    code, answer = await judge(gateway, {"id": name, "value": 0}, EVE)
    assert (code, answer["error"]["code"]) == (404, "generation_not_found")
    body = [
        {"id": name, "value": 0},
        {"id": own, "value": 0},
        {"id": name, "value": 0, "source": "complaint"},
    ]
    code, answer = await judge(gateway, body, EVE)
    assert [row["status"] for row in answer["data"]] == ["unknown", "new", "unknown"]
    assert await verdicts(gateway, name) == [1.0]
    assert (await judge(gateway, {"id": name, "value": 0.5}, BEN))[0] == 200
    assert (await judge(gateway, {"id": own, "value": 0.25}, OPS))[0] == 200
    assert (await verdicts(gateway, name), await verdicts(gateway, own)) == ([0.5], [0.25])


async def test_sessions_of_two_keys_may_have_the_same_name(gateway: Running) -> None:
    names = {who["x-api-key"]: await asked(gateway, who, session_id="chat-1") for who in (ANN, BEN, CID, EVE)}
    code, answer = await judge(gateway, {"session_id": "chat-1", "value": 1}, CID)
    assert (code, answer["answers"]) == (200, 1)
    code, answer = await judge(gateway, {"session_id": "chat-1", "value": 0}, ANN)
    assert (code, answer["answers"]) == (200, 2)
    found = {who: await verdicts(gateway, name) for who, name in names.items()}
    assert found == {"sk-ann": [0.0], "sk-ben": [0.0], "sk-cid": [1.0], "sk-eve": []}


async def test_a_session_of_another_is_unknown_and_the_operator_is_told_when_it_is_several(
    gateway: Running,
) -> None:
    name = await asked(gateway, ANN, session_id="support-1")
    code, answer = await judge(gateway, {"session_id": "support-1", "value": 0}, EVE)
    assert (code, answer["error"]["code"]) == (404, "session_not_found")
    assert (await judge(gateway, {"session_id": "support-1", "value": 1}, OPS))[0] == 200
    assert await verdicts(gateway, name) == [1.0]
    await asked(gateway, EVE, session_id="support-1")
    code, answer = await judge(gateway, {"session_id": "support-1", "value": 0}, OPS)
    assert (code, answer["error"]["code"]) == (409, "session_ambiguous")
    await asked(gateway, OPS, session_id="support-1")
    assert (await judge(gateway, {"session_id": "support-1", "value": 0}, OPS))[1]["answers"] == 1


async def test_an_idempotency_key_is_its_senders(gateway: Running) -> None:
    name = await asked(gateway, ANN)

    async def said(value: float, headers: dict[str, str]) -> str:
        code, answer = await judge(gateway, {"id": name, "value": value}, {**headers, "Idempotency-Key": "1"})
        assert code == 200
        return str(answer["status"])

    assert [await said(1.0, ANN), await said(0.0, ANN), await said(0.0, BEN)] == [
        "new",
        "repeated",
        "corrected",
    ]


async def test_feedback_on_an_answer_of_another_that_is_under_way_does_not_wait_for_it(
    provider: Provider, launch: Launch
) -> None:
    """That would tell that the id is one."""
    asked_for, go_on = asyncio.Event(), asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        asked_for.set()
        await go_on.wait()
        await polite(exchange)

    provider.scripts["slow"] = slow
    gateway = await launch(provider.arm("slow"), server={"api_keys": KEYS})
    asking = asyncio.create_task(gateway.post("/v1/chat/completions", BODY, headers=ANN))
    await asked_for.wait()
    [name] = gateway.gateway.calls
    assert (await judge(gateway, {"id": name, "value": 0}, EVE))[0] == 404
    assert gateway.gateway.calls[name].finished is None  # nobody waited for it
    judging = asyncio.create_task(judge(gateway, {"id": name, "value": 1}, BEN))
    while gateway.gateway.calls[name].finished is None:
        await asyncio.sleep(0)
    go_on.set()
    assert (await asking)[0] == 200
    assert (await judging)[0] == 200


async def test_a_tool_loop_does_not_follow_the_arm_of_anothers_session(
    provider: Provider, launch: Launch
) -> None:
    for model in ("a", "b"):
        provider.scripts[model] = polite
    gateway = await launch(provider.arm("a"), provider.arm("b"), server={"api_keys": KEYS})
    loop = [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "x"},
    ]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]

    async def candidates(headers: dict[str, str]) -> int:
        body = {"model": "auto", "messages": loop, "tools": tools, "session_id": "s"}
        _, answer, _ = await gateway.post("/v1/explain", body, headers=headers)
        return len(answer["candidates"])

    await asked(gateway, ANN, session_id="s")
    assert [await candidates(who) for who in (ANN, BEN, CID, EVE, OPS)] == [1, 1, 2, 2, 2]


# --- scopes -----------------------------------------------------------------------------------------------

SCOPED = {
    ("POST", "/v1/chat/completions"): "data",
    ("POST", "/v1/messages"): "data",
    ("POST", "/v1/embeddings"): "data",
    ("GET", "/v1/models/auto"): "read",
    ("GET", "/v1/arms"): "read",
    ("GET", "/v1/generation?id=x"): "read",
    ("POST", "/v1/explain"): "read",
    ("POST", "/v1/feedback"): "feedback",
    ("POST", "/v1/labels"): "feedback",
    ("POST", "/v1/arms"): "admin",
    ("DELETE", "/v1/arms/p%2Fgood"): "admin",
    ("PUT", "/v1/prices/p%2Fgood"): "admin",
}


@pytest.mark.parametrize("held", ["data", "feedback", "read", "admin"])
async def test_an_endpoint_wants_its_scope_and_says_so(provider: Provider, launch: Launch, held: str) -> None:
    gateway = await launch(provider.arm("good"), server={"api_keys": [{"key": "sk", "scopes": [held]}]})
    for (method, path), scope in SCOPED.items():
        call = gateway.session.request(method, gateway.url + path, json={}, headers={"x-api-key": "sk"})
        async with call as answer:
            body = await answer.json()
            if scope == held or (held == "data" and "models" in path):
                assert answer.status not in (401, 403), (method, path)
                continue
            assert answer.status == 403, (method, path)
            assert body["error"]["type"] == "permission_error"
            assert repr(scope) in body["error"]["message"]
            if path == "/v1/messages":
                assert body["type"] == "error"


async def test_a_clients_key_changes_nothing_and_the_operators_does(gateway: Running) -> None:
    arm = {"name": "mine", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    price = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0}
    assert (await gateway.post("/v1/arms", arm, headers=EVE))[0] == 403
    assert len(gateway.gateway.arms) == 1
    assert (await gateway.post("/v1/arms", arm, headers=OPS))[0] == 201
    async with gateway.session.put(f"{gateway.url}/v1/prices/mine", json=price, headers=EVE) as answer:
        assert answer.status == 403
    async with gateway.session.delete(f"{gateway.url}/v1/arms/mine", headers=EVE) as answer:
        assert answer.status == 403
    async with gateway.session.delete(f"{gateway.url}/v1/arms/mine", headers=OPS) as answer:
        assert answer.status == 200


# --- without keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/feedback", "/v1/arms"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:3000", "Content-Type": "text/plain"},
        {"Origin": "http://127.0.0.1:1", "Content-Type": "application/json"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
    ],
)
async def test_without_a_key_pages_of_other_ports_get_nothing_done(
    provider: Provider, launch: Launch, path: str, headers: dict[str, str]
) -> None:
    gateway = await launch(provider.arm("good"))
    code, answer, _ = await gateway.post(path, BODY, headers=headers)
    assert code == 403
    assert "server.allowed_origins" in answer["error"]["message"]
    assert await gateway.decisions() == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_without_a_key_what_changes_the_gateway_is_json(
    provider: Provider, launch: Launch, kind: str
) -> None:
    gateway = await launch(provider.arm("good"))
    arm = {"name": "mine", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    code, answer, _ = await gateway.post("/v1/arms", arm, headers={"Content-Type": kind})
    assert (code, answer["error"]["param"]) == (415, "Content-Type")
    assert (await gateway.post("/v1/arms", arm, headers={"Origin": gateway.url}))[0] == 201
    assert (await gateway.post("/v1/chat/completions", BODY, headers={"Content-Type": kind}))[0] == 200


async def test_without_a_key_all_is_this_machines_and_stays_apart_once_there_are_keys(
    provider: Provider, launch: Launch, tmp_path: Path
) -> None:
    server: dict[str, Any] = {"database": str(tmp_path / "a.db")}
    gateway = await launch(provider.arm("good"), server=server)
    name = await asked(gateway, {})
    assert (await read(gateway, name, {}))[0] == 200
    gateway = await launch(provider.arm("good"), server={**server, "api_keys": KEYS})
    assert [(await read(gateway, name, who))[0] for who in (ANN, EVE, OPS)] == [404, 404, 200]


# --- keys over time ---------------------------------------------------------------------------------------


async def test_a_named_key_that_is_changed_still_reads_what_it_asked(
    provider: Provider, launch: Launch, tmp_path: Path
) -> None:
    def server(key: str) -> dict[str, Any]:
        entries = [{"key": key, "name": "eval"}, "sk-eve"]
        return {"database": str(tmp_path / "a.db"), "api_keys": entries}

    old, new = {"x-api-key": "sk-old"}, {"x-api-key": "sk-new"}
    gateway = await launch(provider.arm("good"), server=server("sk-old"))
    name = await asked(gateway, old)
    first = (await read(gateway, name, old))[1]["data"]["key_id"]
    # Another gateway on the same database knows the same ids.
    gateway = await launch(provider.arm("good"), server=server("sk-new"))
    code, found = await read(gateway, name, new)
    assert (code, found["data"]["key_id"]) == (200, first)
    assert (await read(gateway, name, old))[0] == 401
    assert (await read(gateway, name, EVE))[0] == 404
    assert "sk-" not in (tmp_path / "a.db").read_bytes().decode("latin-1")
