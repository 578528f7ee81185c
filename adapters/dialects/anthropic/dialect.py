"""Anthropic Messages, `POST /v1/messages`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from adapters.canonical import Event, Json, Request
from adapters.dialect import CostOf, Dialect, Tap, Traits
from adapters.dialects.anthropic import (
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
    errors,
    tap,
)
from adapters.dialects.shared.lenient import count
from adapters.dialects.shared.no_answer import no_answer, whole_object
from adapters.errors import ProviderError

COUNT_PATH = "/v1/messages/count_tokens"
decode_count_request = decode_request.decode_count_request
encode_count_request = encode_request.encode_count_request


def encode_count(input_tokens: int) -> bytes:
    """Returns the answer of count_tokens."""
    return orjson.dumps({"input_tokens": input_tokens})


def decode_count(body: bytes) -> int:
    """Reads the answer of count_tokens. Raises ProviderError."""
    raw = whole_object(body)
    number = count(raw.get("input_tokens"))
    if number is None:
        raise no_answer(raw)
    return number


class _AnthropicMessages:
    name = decode_request.NAME
    traits = Traits(
        demands_max_tokens=True,
        feature_header="anthropic-beta",
        long_context_feature="context-1m-2025-08-07",
    )

    def path(self, model: str, *, stream: bool) -> str:
        del model, stream
        return "/v1/messages"

    def encode_request(self, request: Request) -> Json:
        return encode_request.encode_request(request)

    def stream_decoder(self) -> decode_answer.AnthropicStreamDecoder:
        return decode_answer.AnthropicStreamDecoder()

    def decode_answer(self, body: bytes) -> list[Event]:
        return decode_answer.decode_answer(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return errors.decode_error(status, headers, body)

    def decode_request(self, body: Json) -> Request:
        return decode_request.decode_request(body)

    def stream_encoder(self, request: Request, cost_of: CostOf) -> encode_answer.AnthropicStreamEncoder:
        return encode_answer.AnthropicStreamEncoder(request, cost_of)

    def encode_answer(self, events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
        return encode_answer.encode_answer(events, request, cost_of)

    def encode_error(self, error: ProviderError) -> bytes:
        return orjson.dumps(errors.error_object(error))

    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap:
        del keep_usage  # the counts ride on events that every client needs
        return tap.AnthropicStreamTap(cost_of) if stream else tap.AnthropicAnswerTap(cost_of)


ANTHROPIC_MESSAGES: Dialect = _AnthropicMessages()
