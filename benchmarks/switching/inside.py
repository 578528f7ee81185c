"""The vendors asked through the adapters alone, in this process: what a test needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from adapters.canonical import Event
from adapters.dialect import Dialect
from adapters.dialects import by_name
from adapters.errors import Inexpressible, InvalidRequest
from adapters.history import Returned, fits, fitted, rules_for
from adapters.portable import portable
from adapters.providers import PROVIDERS
from benchmarks.switching.talk import Refused, judged
from benchmarks.switching.vendors import Vendor, answer

Json = dict[str, Any]


async def ask(vendor: Vendor, client: str, body: Json, step: int, thinking: bool) -> tuple[Json, Json]:
    """See `talk.Ask`."""
    row = PROVIDERS[vendor.provider]
    if vendor.dialect != row.dialect:
        row = replace(row, dialect=vendor.dialect)
    rules = rules_for(vendor.provider, vendor.dialect, vendor.model)
    here, there = by_name(client), by_name(vendor.dialect)
    passes = client == vendor.dialect
    if passes and fits(client, body, rules):
        sent = row.adapt({**body, "model": vendor.model})
    else:
        try:
            request = replace(here.decode_request(body), model=vendor.model)
            fit = fitted(portable(request, vendor.dialect), rules, vendor.dialect)
            sent = row.adapt(there.encode_request(fit.request))
        except (Inexpressible, InvalidRequest) as error:
            raise Refused(str(error)) from error
    sent = orjson.loads(orjson.dumps(sent))
    judged(vendor, sent)
    raw = answer(vendor, step, thinking=thinking)
    stream = bool(body.get("stream"))
    if passes and not stream:
        return sent, orjson.loads(raw)
    request = here.decode_request(body)
    events: list[Event] = there.decode_answer(raw)
    if not passes:
        events = list(
            Returned(rules.maker, {}, f"gen{step}").events(_streamed(there, raw) if stream else events)
        )
        raw = here.encode_answer(events, request, lambda _: None)
    return sent, orjson.loads(_kept(here, events, body) if stream else raw)


def pieces(dialect: Dialect, whole: bytes) -> bytes:
    """Returns the stream of an answer."""
    plain = dialect.decode_request(_QUESTION[dialect.name])
    encoder = dialect.stream_encoder(plain, lambda _: None)
    return encoder.feed(dialect.decode_answer(whole)) + encoder.close()


def _streamed(dialect: Dialect, whole: bytes) -> list[Event]:
    """Returns what is read of an answer that comes in pieces."""
    decoder = dialect.stream_decoder()
    read = decoder.feed(pieces(dialect, whole))
    return read + decoder.close()


def _kept(dialect: Dialect, events: list[Event], body: Json) -> bytes:
    """Returns an answer as a client keeps it that put it together from a stream."""
    request = dialect.decode_request(body)
    encoder = dialect.stream_encoder(request, lambda _: None)
    decoder = dialect.stream_decoder()
    read = decoder.feed(encoder.feed(events) + encoder.close())
    return dialect.encode_answer(read + decoder.close(), request, lambda _: None)


_USER: Json = {"role": "user", "content": "a"}
_QUESTION: dict[str, Json] = {
    "openai_chat": {"model": "m", "messages": [_USER]},
    "cohere": {"model": "m", "messages": [_USER]},
    "openai_responses": {"model": "m", "input": "a"},
    "anthropic_messages": {"model": "m", "max_tokens": 9, "messages": [_USER]},
    "gemini": {"model": "m", "contents": [{"role": "user", "parts": [{"text": "a"}]}]},
    "bedrock": {"model": "m", "messages": [{"role": "user", "content": [{"text": "a"}]}]},
}
