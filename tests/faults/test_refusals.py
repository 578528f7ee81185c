"""A refusal that is one arm's own is made good by another arm, remembered, booked and shown; the client's own fault is told
at once; a lone arm is asked once more after a passing failure.
"""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dispatch import tries
from tests.proxy.provider import Exchange, Provider, Script, completion, polite
from tests.proxy.running import Launch, Running

TOOLS = [
    {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
]

FEATURES: dict[str, tuple[dict[str, Any], str]] = {
    "tools": ({"tools": TOOLS}, "m:latest does not support tools"),
    "temperature": ({"temperature": 0.2}, "Unsupported value: 'temperature' does not support 0.2 with this model."),
    "presence_penalty": ({"presence_penalty": 0.5}, "Unsupported parameter: 'presence_penalty' is not supported."),
    "response_format": ({"response_format": {"type": "json_object"}}, "json mode is not supported for this model"),
    "reasoning": ({"reasoning_effort": "low"}, "Unrecognized request argument supplied: reasoning_effort"),
    "stop": ({"stop": ["x"]}, "Bad request"),
    "seed": ({"seed": 1}, "Something went wrong with your parameters."),
}  # fmt: skip


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "BACKOFF_S", 1e-6)


def error(message: str, status: int = 400) -> tuple[dict[str, Any], int]:
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    }, status


def refusing(field: str, message: str, status: int = 400) -> Script:
    async def script(exchange: Exchange) -> None:
        if field in exchange.json:
            await exchange.answer(*error(message, status))
        else:
            await polite(exchange)

    return script


def drawing_first(gateway: Running) -> None:
    """Draws of 0.0 take the first arm that is left."""
    gateway.gateway.random = lambda: 0.0


@pytest.mark.parametrize("name", FEATURES)
async def test_an_arm_that_refuses_a_feature_is_asked_once_and_fails_nobody(
    provider: Provider, launch: Launch, name: str
) -> None:
    fields, message = FEATURES[name]
    [field] = fields
    provider.scripts["bad"] = refusing(field, message)
    gateway = await launch(provider.arm("bad"), provider.arm("good"), provider.arm("fine"))
    drawing_first(gateway)
    answers = [await gateway.chat(**fields) for _ in range(20)]
    assert [status for status, _, _ in answers] == [200] * 20
    assert [e.json["model"] for e in provider.seen].count("bad") == 1
    decisions = await gateway.decisions()
    assert [[a["arm"] for a in d.attempts] for d in decisions] == [["p/bad"]] + [[]] * 19
    _, arms = await gateway.get("/v1/arms")
    row = next(row for row in arms["data"] if row["arm"] == "p/bad")
    assert row["failed_attempts"] == 1
    assert row["cooldown"] is None
    assert name in row["refusals"][0]["feature"]
    # Who doesn't ask for the feature gets the arm.
    assert (await gateway.chat())[2]["X-Meritorder-Arm"] == "p/bad"


async def test_a_refusal_of_a_feature_teaches_nothing_about_other_requests(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts["bad"] = refusing("tools", "m does not support tools")
    gateway = await launch(provider.arm("bad"), provider.arm("good"))
    index = gateway.gateway.arms.by_name["p/bad"].index
    drawing_first(gateway)
    ask = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
    before = (await gateway.post("/v1/explain", ask))[1]["candidates"]
    await gateway.chat(tools=TOOLS)
    await gateway.decisions()
    after = (await gateway.post("/v1/explain", ask))[1]["candidates"]
    errors = [{row["arm"]: row["error_probability"] for row in rows}["p/bad"] for rows in (before, after)]
    assert errors[1] <= errors[0]
    assert gateway.gateway.cooldowns.available(index, gateway.gateway.loop.time())


async def test_a_malformed_body_asks_two_arms_and_blames_none(provider: Provider, launch: Launch) -> None:
    for name in ("a", "b", "c", "d"):
        provider.scripts[name] = refusing(
            "messages", "Invalid value: 'sistem'. Supported values are: 'system', 'user'."
        )
    gateway = await launch(*(provider.arm(name, provider=name) for name in ("a", "b", "c", "d")))
    status, body, _ = await gateway.chat()
    assert status == 400
    assert "sistem" in body["error"]["message"]
    assert len(provider.seen) == 2
    _, arms = await gateway.get("/v1/arms")
    assert [
        (row["errors"], row["failed_attempts"], row["cooldown"], row["refusals"]) for row in arms["data"]
    ] == [(0, 0, None, [])] * 4


async def test_where_every_arm_refuses_the_feature_one_says_so(provider: Provider, launch: Launch) -> None:
    for name in ("a", "b", "c"):
        provider.scripts[name] = refusing("tools", "m does not support tools")
    gateway = await launch(*(provider.arm(name) for name in ("a", "b", "c")))
    assert (await gateway.chat(tools=TOOLS))[0] == 400
    assert len(provider.seen) == 3
    for _ in range(5):
        status, body, _ = await gateway.chat(tools=TOOLS)
        assert (status, body["error"]["message"]) == (400, "m does not support tools")
    assert len(provider.seen) == 8


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_stream_goes_on_without_the_gateways_own_stream_options(
    provider: Provider, launch: Launch, status: int, path: str
) -> None:
    provider.scripts["only"] = refusing(
        "stream_options", "Extra inputs are not permitted: stream_options", status
    )
    gateway = await launch(provider.arm("only"))
    body = {"model": "auto", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    for _ in range(2):
        async with gateway.session.post(gateway.url + path, json=body) as answer:
            assert answer.status == 200
            assert b"Hel" in await answer.read()
    assert ["stream_options" in e.json for e in provider.seen] == [True, False, False]
    [first, second] = await gateway.decisions()
    assert ([a["status"] for a in first.attempts], second.attempts) == ([status], [])


async def test_a_hint_that_an_arm_refuses_is_left_out_and_said(provider: Provider, launch: Launch) -> None:
    provider.scripts["only"] = refusing("metadata", "Unknown parameter: 'metadata'.")
    gateway = await launch(provider.arm("only"))
    for _ in range(2):
        status, _, headers = await gateway.chat(metadata={"a": "b"})
        assert (status, headers["X-Meritorder-Dropped"]) == (200, "metadata")
    assert len(provider.seen) == 3


@pytest.mark.parametrize("loss", [500, 502, 503, 529, "connection"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_lone_arm_is_asked_once_more_after_a_passing_failure(
    provider: Provider, launch: Launch, loss: int | str, streamed: bool
) -> None:
    async def once(exchange: Exchange) -> None:
        if len(provider.seen) > 1:
            await polite(exchange)
        elif isinstance(loss, str):
            exchange.cut()
        else:
            await exchange.answer(*error("internal", loss))

    provider.scripts["only"] = once
    gateway = await launch(provider.arm("only"))
    status = (await gateway.stream())[0] if streamed else (await gateway.chat())[0]
    assert status == 200
    [decision] = await gateway.decisions()
    assert (decision.status, [a["arm"] for a in decision.attempts]) == ("ok", ["p/only"])


@pytest.mark.parametrize(
    ("status", "headers", "calls"),
    [(500, "", 2), (503, "Retry-After: 30\r\n", 1), (429, "", 1), (504, "", 1)],
)
async def test_a_lone_arm_is_asked_no_third_time_nor_where_waiting_is_of_no_use(
    provider: Provider, launch: Launch, status: int, headers: str, calls: int
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(*error("no", status), headers)

    provider.scripts["only"] = script
    gateway = await launch(provider.arm("only"))
    assert (await gateway.chat())[0] >= 429
    assert len(provider.seen) == calls


async def test_the_only_arm_of_ten_that_is_well_is_found(provider: Provider, launch: Launch) -> None:
    async def down(exchange: Exchange) -> None:
        await exchange.answer(*error("overloaded", 503))

    names = [f"down{number}" for number in range(9)]
    provider.scripts |= dict.fromkeys(names, down) | {"up": polite}
    gateway = await launch(*(provider.arm(name) for name in names), provider.arm("up"))
    drawing_first(gateway)
    status, _, headers = await gateway.chat()
    assert (status, headers["X-Meritorder-Arm"]) == (200, "p/up")
    [decision] = await gateway.decisions()
    assert len(decision.attempts) == 9


async def test_an_arm_that_failed_is_told_and_booked_though_the_rest_can_not_express_the_request(
    provider: Provider, launch: Launch
) -> None:
    async def busy(exchange: Exchange) -> None:
        await exchange.answer(*error("slow down", 429))

    provider.scripts["busy"] = busy
    gateway = await launch(
        provider.arm("busy"), provider.arm("claude", dialect="anthropic_messages", provider="anthropic")
    )
    drawing_first(gateway)
    status, body, _ = await gateway.chat(seed=1)
    assert (status, body["error"]["message"]) == (429, "slow down")
    [decision] = await gateway.decisions()
    assert (decision.arm, decision.status, decision.attempts) == ("p/busy", "rate_limit", [])


@pytest.mark.parametrize(
    ("status", "headers", "said", "hidden"),
    [
        (307, "Location: https://me:secret@elsewhere.example/v1/chat?key=secret\r\n",
         "The provider answered 307 Temporary Redirect, a redirect to https://elsewhere.example/v1/chat.", "secret"),
        (301, "", "The provider answered 301 Moved Permanently, a redirect.", "to None"),
        (201, "Location: /jobs/7?token=secret\r\n",
         "The provider answered 201 Created and the location /jobs/7, where only a 200 holds an answer.", "secret"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_neither_200_nor_an_error_is_named(
    provider: Provider, launch: Launch, status: int, headers: str, said: str, hidden: str
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(completion(), status, headers)

    provider.scripts["only"] = script
    gateway = await launch(provider.arm("only"))
    code, body, _ = await gateway.chat()
    assert code == 502
    assert said in body["error"]["message"]
    assert hidden not in str(body)


async def test_arms_that_were_left_out_are_counted_and_shown(provider: Provider, launch: Launch) -> None:
    provider.scripts["bad"] = refusing("tools", "m does not support tools")
    provider.scripts["fine"] = polite
    gateway = await launch(
        provider.arm("bad"),
        provider.arm("good"),
        provider.arm("small", context_window=10),
        provider.arm("fine"),
    )
    drawing_first(gateway)
    words = "word " * 100
    _, _, headers = await gateway.chat(words, tools=TOOLS)
    assert headers["X-Meritorder-Excluded"] == "1; p/small=context_window"
    _, _, headers = await gateway.chat(words, tools=TOOLS)
    assert headers["X-Meritorder-Excluded"] == "2; p/small=context_window, p/bad=refused:tools"
    await gateway.decisions()
    _, told = await gateway.get(f"/v1/generation?id={headers['X-Generation-Id']}")
    assert told["data"]["excluded"] == {"p/small": "context_window", "p/bad": "refused:tools"}
    _, _, headers = await gateway.chat()
    assert "X-Meritorder-Excluded" not in headers
    ask = {"model": "auto", "messages": [{"role": "user", "content": words}], "tools": TOOLS}
    _, explained, _ = await gateway.post("/v1/explain", ask)
    assert explained["excluded"] == 2
    assert {row["arm"]: row["reason"] for row in explained["not_eligible"]} == told["data"]["excluded"]


async def test_all_that_stands_in_the_way_is_named_for_each_arm(provider: Provider, launch: Launch) -> None:
    gateway = await launch(
        provider.arm("gpt-5", provider="openai"),
        provider.arm("claude-opus-4-8", provider="anthropic", dialect="anthropic_messages"),
    )
    status, body, _ = await gateway.chat(temperature=0.2, stop=["a", "\n"], seed=1, logit_bias={"1": 1})
    message = body["error"]["message"]
    assert status == 400
    for lack in (
        "p/gpt-5: logit_bias at gpt-5, stop at gpt-5, temperature at gpt-5",
        "p/claude-opus-4-8: seed, logit_bias",
    ):
        assert lack in message
    assert "Leave out what is named" in message
    status, body, _ = await gateway.chat(temperature=0.2)
    assert (status, body["error"]["param"]) == (400, "temperature")
    _, explained, _ = await gateway.post(
        "/v1/explain", {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.2}
    )
    assert {row["arm"]: row["cannot_express"] for row in explained["candidates"]} == {
        "p/gpt-5": "temperature at gpt-5",
        "p/claude-opus-4-8": "temperature at claude-opus-4-8",
    }
