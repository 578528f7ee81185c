"""OpenAI Responses, `POST /v1/responses`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.canonical import Event, Json, Request
from adapters.dialect import CostOf, Dialect, Tap, Traits
from adapters.dialects.openai_shared import errors as openai_errors
from adapters.dialects.responses import decode_answer, decode_request, encode_answer, encode_request, tap
from adapters.errors import ProviderError


class _OpenAIResponses:
    name = decode_request.NAME
    traits = Traits(openai_family=True)

    def path(self, model: str, *, stream: bool) -> str:
        del model, stream
        return "/responses"

    def encode_request(self, request: Request) -> Json:
        return encode_request.encode_request(request)

    def stream_decoder(self) -> decode_answer.ResponsesStreamDecoder:
        return decode_answer.ResponsesStreamDecoder()

    def decode_answer(self, body: bytes) -> list[Event]:
        return decode_answer.decode_answer(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return openai_errors.decode_error(status, headers, body)

    def decode_request(self, body: Json) -> Request:
        return decode_request.decode_request(body)

    def stream_encoder(self, request: Request, cost_of: CostOf) -> encode_answer.ResponsesStreamEncoder:
        return encode_answer.ResponsesStreamEncoder(request, cost_of)

    def encode_answer(self, events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
        return encode_answer.encode_answer(events, request, cost_of)

    def encode_error(self, error: ProviderError) -> bytes:
        return openai_errors.encode_error(error)

    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap:
        del keep_usage  # the counts ride on the event that ends every stream
        return tap.ResponsesStreamTap(cost_of) if stream else tap.ResponsesAnswerTap(cost_of)


OPENAI_RESPONSES: Dialect = _OpenAIResponses()
