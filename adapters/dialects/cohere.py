"""Cohere's chat, version 2. Its requests are close to OpenAI's and are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.canonical import Event, Json, Request
from adapters.dialect import CostOf, Dialect, StreamDecoder, StreamEncoder, Tap
from adapters.dialects import openai_errors
from adapters.dialects.cohere_answer import FINISH, CohereStreamDecoder, decode_answer, read_usage
from adapters.dialects.cohere_reply import CohereStreamEncoder, encode_answer
from adapters.dialects.cohere_request import NAME, decode_request, encode_request
from adapters.dialects.event_tap import BodyTap, EventTap
from adapters.dialects.loose import word
from adapters.dialects.openai_errors import error_of
from adapters.errors import ProviderError


class Cohere:
    """See `Dialect`."""

    name = NAME

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
    def event(self, raw: Json) -> bool:
        kind = raw.get("type")
        delta = raw.get("delta") if isinstance(raw.get("delta"), dict) else {}
        assert isinstance(delta, dict)
        if kind == "message-start":
            self.id = word(raw.get("id"))
        elif kind in ("content-delta", "tool-plan-delta", "tool-call-start"):
            self.content = True
        elif kind == "message-end":
            self.done = True
            return _finish(self, delta)
        elif kind is None and ("error" in raw or "message" in raw):
            raise error_of(raw, None)
        return False

    def is_telling(self, data: bytes) -> bool:
        return b"message-end" in data or b"message-start" in data or b'"type"' not in data


class CohereBodyTap(BodyTap):
    def answer(self, raw: Json) -> bool:
        if "finish_reason" not in raw:
            raise error_of(raw, None)
        self.id = word(raw.get("id"))
        return _finish(self, raw)


def _finish(tap: EventTap | BodyTap, raw: Json) -> bool:
    if raw.get("error") or raw.get("finish_reason") in ("ERROR", "TIMEOUT"):
        raise error_of({"error": raw.get("error") or "The model failed."}, None)
    reason: Any = raw.get("finish_reason")
    tap.finish = FINISH.get(reason, "stop")
    usage = raw.get("usage")
    return tap.price(read_usage(usage), usage) if isinstance(usage, dict) else False


COHERE: Dialect = Cohere()
