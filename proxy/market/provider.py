"""One provider of the market: a loopback HTTP server that speaks the OpenAI chat format."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from proxy.market.catalogue import Catalogue, ModelRecord
from proxy.market.conditions import Conditions
from proxy.market.replies import DONE, Chunks, Head, MarketReply, completion, error_body, improvise, replay

_HOST = "127.0.0.1"

_SHORTEST_PAUSE_S = 0.015
"""Tokens that come faster than this share a chunk, as they do with real providers under load."""

ConditionsOf = Callable[[str], Conditions | None]
"""The state of an arm now; None for an arm that isn't offered."""


class MarketProvider:
    """Serves the models of one provider. `speed` divides every latency."""

    def __init__(
        self,
        name: str,
        catalogue: Catalogue,
        conditions_of: ConditionsOf,
        *,
        api_key: str,
        rng: random.Random,
        speed: float,
    ) -> None:
        self.name = name
        self.api_key = api_key
        self._catalogue = catalogue
        self._conditions_of = conditions_of
        self._rng = rng
        self._speed = speed
        self._models: Mapping[str, ModelRecord] = {
            model.model: model for model in catalogue.models if model.provider == name
        }
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        return f"http://{_HOST}:{self._port}/v1"

    async def open(self) -> None:
        """Listens on a free port; after `close`, on the same one again. Does nothing if it is open."""
        if self._runner is not None:
            return
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/v1/chat/completions", self._chat)
        application.router.add_get("/v1/models", self._list_models)
        # A provider that goes dark cuts its answers off; it doesn't wait for them.
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        site = web.TCPSite(runner, _HOST, self._port)
        await site.start()
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def close(self) -> None:
        """Refuses connections from now on and drops the open ones."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _list_models(self, request: web.Request) -> web.Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        data = []
        for model in self._models.values():
            conditions = self._conditions_of(model.arm)
            if conditions is not None:
                pricing = {
                    "prompt": model.input_usd_per_mtok * conditions.price_factor / 1e6,
                    "completion": model.output_usd_per_mtok * conditions.price_factor / 1e6,
                }
                data.append(
                    {
                        "id": model.model,
                        "object": "model",
                        "created": 0,
                        "owned_by": self.name,
                        "pricing": pricing,
                    }
                )
        return _json(200, orjson.dumps({"object": "list", "data": data}))

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            body = orjson.loads(await request.read())
            prompt = _last_user_text(body["messages"])
            name = str(body["model"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            return _json(400, error_body(f"malformed request: {error}", "invalid_request_error"))
        model = self._models.get(name)
        conditions = None if model is None else self._conditions_of(model.arm)
        if model is None or conditions is None:
            message = f"The model `{name}` does not exist."
            return _json(404, error_body(message, "invalid_request_error", "model_not_found"))
        if not conditions.up:
            return _json(503, error_body("The server is overloaded.", "server_error", "overloaded"))
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        max_tokens = limit if isinstance(limit, int) and limit > 0 else None
        reply = self._reply(model, prompt, conditions, max_tokens)
        ttft, token_s = (seconds / self._speed for seconds in self._rng.choice(model.latencies))
        head = Head(
            # Not from the seeded generator: ids must differ from those of an earlier market in the journal.
            id=f"chatcmpl-{secrets.token_hex(12)}",
            model=name,
            created=int(time.time()),
        )
        if body.get("stream"):
            with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
            chunks = Chunks(head)
            return await _stream(request, reply, chunks, ttft=ttft, token_s=token_s, with_usage=with_usage)
        await asyncio.sleep(ttft + token_s * reply.output_tokens)
        return _json(200, completion(reply, head))

    def _reply(
        self, model: ModelRecord, prompt: str, conditions: Conditions, max_tokens: int | None
    ) -> MarketReply:
        question = self._catalogue.by_prompt.get(prompt)
        if question is None:
            return improvise(model.arm, prompt, max_tokens)
        return replay(question, self._catalogue.positions[model.arm], conditions, max_tokens)

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {self.api_key}":
            return None
        return _json(401, error_body("Incorrect API key.", "invalid_request_error", "invalid_api_key"))


async def _stream(
    request: web.Request, reply: MarketReply, chunks: Chunks, *, ttft: float, token_s: float, with_usage: bool
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    together = max(1, math.ceil(_SHORTEST_PAUSE_S / max(token_s, 1e-9)))
    try:
        await response.prepare(request)
        await asyncio.sleep(ttft)
        await response.write(chunks.role())
        for start in range(0, len(reply.pieces), together):
            if start:
                await asyncio.sleep(token_s * together)
            await response.write(chunks.content("".join(reply.pieces[start : start + together])))
        last = [chunks.finish(reply.finish_reason), DONE]
        if with_usage:
            last.insert(1, chunks.usage(reply.usage))
        await response.write(b"".join(last))
        await response.write_eof()
    except ConnectionResetError:
        # The client left; there is nobody to tell.
        return response
    return response


def _last_user_text(messages: list[dict[str, Any]]) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            content = message["content"]
            if isinstance(content, str):
                return content
            return "\n".join(part["text"] for part in content if part["type"] == "text")
    raise KeyError("no message of the user")


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
