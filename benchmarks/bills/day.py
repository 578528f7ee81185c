"""A day of simulated traffic through a real gateway, booked by it and by an independent ledger.

All dialects on the provider's side and three on the client's; tiers, caches, searches, sound, bills that providers report,
answers without counts and clients that leave. Prompts and answers are recorded ones, with the tokens that their provider
counted, so that an estimate is held against what was billed.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from adapters.canonical import ReasoningDelta, TextDelta, ToolCallStart, UsageReport
from adapters.dialects import by_name
from adapters.errors import ProviderError, Truncated
from benchmarks.bills import vendors
from benchmarks.bills.ledger import PRICES, Used, bill
from benchmarks.bills.vendors import Turn
from benchmarks.cassettes.recordings import exchanges
from proxy.config import Config
from proxy.gateway import Gateway
from proxy.ingress.server import Server

CASSETTES = Path(__file__).parents[2] / "tests" / "adapters" / "cassettes"
MOST_APART = 1e-9
"""Dollars by which a row, and the sum, may differ."""

ESTIMATES_WITHIN = 0.15

_ARMS: Mapping[str, Mapping[str, Any]] = {
    "gpt": {"provider": "openai", "model": "gpt-5"},
    "answers": {"provider": "openai", "model": "gpt-5", "dialect": "openai_responses"},
    "opus": {"provider": "anthropic", "model": "claude-opus-4-8"},
    "sonnet": {"provider": "anthropic", "model": "claude-sonnet-4-5"},
    "flash": {"provider": "google", "model": "gemini-2.5-flash"},
    "grok": {"provider": "xai", "model": "grok-4"},
    "router": {"provider": "openrouter", "model": "anthropic/claude-sonnet-4.5"},
    "command": {"provider": "cohere", "model": "command-a-03-2025"},
    "converse": {
        "provider": "bedrock",
        "model": "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x",
        "input_usd_per_mtok": 1.0,
        "output_usd_per_mtok": 5.0,
        "cached_input_usd_per_mtok": 0.1,
        "cache_write_usd_per_mtok": 1.25,
        "cache_write_1h_usd_per_mtok": 2.0,
    },
    "own": {
        "model": "m",
        "input_usd_per_mtok": 0.2,
        "output_usd_per_mtok": 0.8,
        "cached_input_usd_per_mtok": 0.02,
    },
    "flex": {"provider": "openai", "model": "gpt-5", "service_tier": "flex"},
}
_FAMILY = {
    "sonnet": "anthropic_messages",
    "router": "anthropic_messages",
    "flash": "gemini",
    "command": "cohere",
}
"""Whose recorded texts an arm's uncounted answers are; the others have OpenAI's."""

_STREAMLESS = ("command", "converse")


@dataclass(frozen=True)
class Sample:
    """A recorded prompt and answer, with their tokens."""

    prompt: str
    given: int
    text: str
    made: int


@dataclass
class Day:
    """The outcome: rows that differ, and the sums of both ledgers."""

    rows: Counter[str] = field(default_factory=Counter)
    apart: list[str] = field(default_factory=list)
    ours: float = 0.0
    theirs: float = 0.0
    estimated_ours: float = 0.0
    estimated_theirs: float = 0.0
    unmarked: int = 0

    @property
    def right(self) -> bool:
        off = abs(self.estimated_ours / self.estimated_theirs - 1) if self.estimated_theirs else 0.0
        return (
            not self.apart
            and not self.unmarked
            and abs(self.ours - self.theirs) < MOST_APART
            and off <= ESTIMATES_WITHIN
        )


def samples(folder: Path = CASSETTES) -> dict[str, list[Sample]]:
    """Returns recorded prose by dialect: answers without calls, thoughts and tools, whose prompt is text."""
    found: dict[str, list[Sample]] = {}
    for exchange in exchanges(folder):
        if exchange.dialect is None or exchange.status != 200 or not isinstance(exchange.request, dict):
            continue
        if exchange.dialect in ("embeddings", "completions", "bedrock") or exchange.request.get("tools"):
            continue
        dialect = by_name(exchange.dialect)
        try:
            if exchange.stream:
                decoder = dialect.stream_decoder()
                events = [*decoder.feed(exchange.body), *decoder.close()]
            else:
                events = dialect.decode_answer(exchange.body)
        except (ProviderError, Truncated):  # refusals were recorded too
            continue
        counts = [event.usage for event in events if isinstance(event, UsageReport)]
        hidden = any(isinstance(event, (ToolCallStart, ReasoningDelta)) for event in events)
        if hidden or not counts or counts[0].reasoning or not counts[0].output or not counts[0].input:
            continue
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        prompt = _prompt(exchange.request)
        if prompt and len(text) > 80:
            found.setdefault(exchange.dialect, []).append(
                Sample(prompt, counts[0].input, text, counts[0].output)
            )
    return found


def _prompt(request: Mapping[str, Any]) -> str:
    """Returns the texts of a request that holds nothing else, "" for any other."""
    found: list[str] = []
    waiting = [request.get(name) for name in ("system", "instructions", "messages", "contents", "input")]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, list):
            waiting = [*item, *waiting]
        elif isinstance(item, dict):
            if item.get("type", "text") not in ("text", "input_text", "message") or "inlineData" in item:
                return ""
            waiting = [item.get("content"), item.get("parts"), item.get("text"), *waiting]
    return "\n".join(found)


class Script:
    """Draws the day's calls."""

    def __init__(self, seed: int, texts: dict[str, list[Sample]]) -> None:
        self._draw = random.Random(seed)
        self._texts = texts

    def turn(self, number: int) -> tuple[Turn, str]:
        """Returns a call and its prompt."""
        draw = self._draw
        arm = draw.choice(list(_ARMS))
        client = draw.choice(["chat", "messages", "responses"])
        stream = arm not in _STREAMLESS and draw.random() < 0.6
        kind = draw.choices(["counted", "missing", "cancelled"], [0.8, 0.14, 0.06])[0]
        # No texts were recorded with the tokeniser of Opus 4.8.
        if (kind == "cancelled" and not stream) or arm == "opus":
            kind = "counted"
        if kind == "counted":
            return Turn(
                number, arm, client, stream, "Jupiter is the largest planet. " * 8, self._used(arm)
            ), "Hello."
        sample = draw.choice(self._texts.get(_FAMILY.get(arm, "openai_chat")) or self._texts["openai_chat"])
        sent = draw.randint(2, 7) if kind == "cancelled" else None
        share = 1.0 if sent is None else sent / 8
        tier = "flex" if arm == "flex" else "default"
        used = Used(sample.given, round(sample.made * share), tier=tier)
        return Turn(number, arm, client, stream, sample.text, used, counted=False, sent=sent), sample.prompt

    def _used(self, arm: str) -> Used:
        draw = self._draw
        given, made = draw.randint(20, 150_000), draw.randint(1, 8_000)
        cached = draw.randint(0, given) if arm != "command" and draw.random() < 0.5 else 0
        rest = given - cached
        more: dict[str, Any] = {}
        if arm in ("opus", "sonnet", "converse"):
            brief = draw.randint(0, rest // 2)
            more = {
                "write_5m": brief,
                "write_1h": draw.randint(0, rest - brief) if draw.random() < 0.5 else 0,
            }
        if arm in ("gpt", "answers", "grok", "flash"):
            more["reasoning"] = draw.randint(0, made)
        if arm == "flash" and draw.random() < 0.3:
            more["heard"] = draw.randint(0, rest)
        if arm in ("answers", "opus", "sonnet", "flash") and draw.random() < 0.4:
            more["searches"] = draw.randint(1, 4)
        if arm == "answers":
            more |= {"files": draw.choice([0, 0, 2]), "containers": draw.choice([0, 0, 1])}
        if arm in ("gpt", "answers"):
            more["tier"] = draw.choice(["default", "flex", "priority"])
        if arm == "flex":
            more["tier"] = draw.choice(["flex", "flex", "default"])
        if arm == "flash":
            more["tier"] = draw.choice(["default", "flex"])
        if arm == "opus":
            more |= {"fast": draw.random() < 0.3, "in_us": draw.random() < 0.3}
        if arm == "router" or (arm == "grok" and draw.random() < 0.5):
            more["reported"] = round(draw.uniform(1e-5, 0.5), 10)
        return Used(given, made, cached, **more)


class Vendors:
    """All providers on one loopback port."""

    def __init__(self) -> None:
        self.turns: dict[int, Turn] = {}
        self.left: dict[int, asyncio.Event] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.text()
        found = re.search(r"#(\d+)#", raw)
        assert found is not None
        turn = self.turns[int(found[1])]
        if not turn.stream:
            body = vendors.WHOLE.get(turn.arm, vendors.chat_body)(turn)
            return web.Response(body=body, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        said = 0
        for piece in vendors.STREAMED.get(turn.arm, vendors.chat_stream)(turn):
            await response.write(piece)
            said += any(part in piece.decode() for part in (orjson.dumps(p).decode() for p in turn.parts()))
            if turn.sent is not None and said >= turn.sent:
                self.left[turn.number].set()
                while request.transport is not None and not request.transport.is_closing():
                    await asyncio.sleep(0.001)  # it would write on, but the client has left
                break
        return response


def _config(url: str) -> Config:
    path = {"flash": "/v1beta", "command": "", "converse": ""}
    arms = [
        {"name": name, "base_url": f"{url}/{name}{path.get(name, '/v1')}", "api_key": "key", **fields}
        for name, fields in _ARMS.items()
    ]
    return Config.model_validate(
        {"arms": arms, "server": {"journal": False, "allowed_addresses": ["127.0.0.1"]}}
    )


async def _ask(session: aiohttp.ClientSession, url: str, turn: Turn, prompt: str, left: asyncio.Event) -> str:
    """Makes a call; returns the gateway's id of it."""
    text = f"{prompt}#{turn.number}#"
    paths = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
    body: dict[str, Any] = {"model": turn.arm, "stream": turn.stream}
    if turn.client == "responses":
        body["input"] = text
    else:
        body["messages"] = [{"role": "user", "content": text}]
    if turn.client == "messages":
        body["max_tokens"] = 4_000
    if turn.client == "chat" and turn.stream and turn.number % 2:
        body["stream_options"] = {"include_usage": True}
    async with session.post(url + paths[turn.client], json=body) as answer:
        assert answer.status == 200, (turn, await answer.text())
        call_id = answer.headers["X-Generation-Id"]
        if turn.sent is None:
            await answer.read()
            return call_id
        await left.wait()
        await answer.content.readany()
        await asyncio.sleep(0)
        answer.close()
        return call_id


async def simulate(calls: int = 1500, seed: int = 7, folder: Path = CASSETTES) -> Day:
    """Runs a day of so many calls."""
    world = Vendors()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/{tail:.*}", world.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    gateway = await Gateway.open(_config(f"http://{host}:{port}"), {})
    server = Server(gateway)
    import socket

    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    await server.listen(sock)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    script = Script(seed, samples(folder))
    ids: dict[str, Turn] = {}
    async with aiohttp.ClientSession() as session:
        for number in range(calls):
            turn, prompt = script.turn(number)
            world.turns[number] = turn
            world.left[number] = asyncio.Event()
            ids[await _ask(session, url, turn, prompt, world.left[number])] = turn
    await server.close(2.0)
    await gateway.journal.flush()
    booked: dict[str, Any] = {}
    after = 0
    while rows := await gateway.store.decisions_between(0.0, 1e12, after=after):
        booked |= {row.request_id or row.id: row for row in rows}
        after = rows[-1].seq
    await gateway.close()
    await runner.cleanup()
    return _compared(ids, booked)


def _compared(ids: dict[str, Turn], booked: Mapping[str, Any]) -> Day:
    day = Day()
    for call_id, turn in ids.items():
        right = bill(turn.arm, turn.used)
        if call_id not in booked:
            day.apart.append(f"not booked: {turn}")
            continue
        row = booked[call_id]
        day.rows[f"{turn.arm} {'cancelled' if turn.sent else 'counted' if turn.counted else 'missing'}"] += 1
        cost = row.cost_usd
        if not turn.counted:
            day.estimated_ours += cost or 0.0
            day.estimated_theirs += right
            day.unmarked += not row.usage_estimated
            continue
        day.ours += cost or 0.0
        day.theirs += right
        if cost is None or abs(cost - right) >= MOST_APART or row.usage_estimated:
            day.apart.append(
                f"{turn.arm} {turn.client} {'stream' if turn.stream else 'whole'}: {cost} here, {right:.12g}: {turn.used}"
            )
    return day


assert set(_ARMS) == set(PRICES)
