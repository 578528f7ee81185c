"""Cohere's chat, version 2. Its requests are close to OpenAI's and are made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from adapters.canonical import Event, Json, Request
from adapters.dialect import CostOf, Dialect, StreamDecoder, StreamEncoder, Tap, Traits
from adapters.dialects.cohere.decode_answer import (
    CohereStreamDecoder,
    check,
    decode_answer,
    end_of,
    read_usage,
    said_by,
)
from adapters.dialects.cohere.encode_answer import CohereStreamEncoder, encode_answer
from adapters.dialects.cohere.request import NAME, decode_request, encode_request
from adapters.dialects.openai_shared import errors as openai_errors
from adapters.dialects.openai_shared.usage import details
from adapters.dialects.shared.event_tap import BodyTap, EventTap
from adapters.dialects.shared.lenient import word
from adapters.dialects.shared.no_answer import no_answer
from adapters.errors import ProviderError


class Cohere:
    """See `Dialect`."""

    name = NAME
    traits = Traits()

    def path(self, model: str, *, stream: bool) -> str:  # noqa: ARG002  the model stands in the body
        return "/v2/chat"

    def encode_request(self, request: Request) -> Json:
        return encode_request(request)

    def stream_decoder(self) -> StreamDecoder:
        return CohereStreamDecoder()

    def decode_answer(self, body: bytes) -> list[Event]:
        return decode_answer(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return openai_errors.decode_error(status, headers, body)

    def decode_request(self, body: Json) -> Request:
        return decode_request(body)

    def stream_encoder(self, request: Request, cost_of: CostOf) -> StreamEncoder:
        return CohereStreamEncoder(request, cost_of)

    def encode_answer(self, events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
        return encode_answer(events, request, cost_of)

    def encode_error(self, error: ProviderError) -> bytes:
        return openai_errors.encode_error(error)

    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap:  # noqa: ARG002  no usage-only events
        return CohereStreamTap(cost_of) if stream else CohereBodyTap(cost_of)


class CohereStreamTap(EventTap):
    member = "type"
    spoken = re.compile(rb'"(?:text|thinking|tool_plan|arguments)": ?"((?:[^"\\]++|\\.)*+)"')

    def said_in(self, raw: Json) -> int:
        return said_by(details(details(raw, "delta"), "message"))

    def event(self, raw: Json) -> bool:
        kind = raw.get("type")
        delta = details(raw, "delta")
        if raw.get("error"):
            raise no_answer(raw)
        if kind == "message-start":
            self.id = word(raw.get("id"))
        elif kind in ("content-delta", "tool-plan-delta", "tool-call-start"):
            self.content = True
        elif kind == "message-end":
            if end_of(delta) is None and not self.content:
                raise no_answer(raw)
            self.done = True
            return _finish(self, delta)
        return False

    def is_telling(self, data: bytes) -> bool:
        return b"message-end" in data or b"message-start" in data or b'"type"' not in data


class CohereBodyTap(BodyTap):
    def answer(self, raw: Json) -> bool:
        check(raw)
        self.id = word(raw.get("id"))
        self.said = said_by(details(raw, "message"))
        return _finish(self, raw)


def _finish(tap: EventTap | BodyTap, raw: Json) -> bool:
    tap.finish = end_of(raw) or "stop"
    usage = raw.get("usage")
    return tap.price(read_usage(usage), usage) if isinstance(usage, dict) else False


COHERE: Dialect = Cohere()
