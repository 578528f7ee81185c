"""OpenAI's chat completions: the dialect of most clients and of most servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.canonical import Event, Json, Request
from adapters.dialect import CostOf, Dialect, StreamDecoder, StreamEncoder, Tap, Traits
from adapters.dialects.openai_chat.decode_answer import ChatStreamDecoder, decode_answer
from adapters.dialects.openai_chat.decode_request import NAME, decode_request
from adapters.dialects.openai_chat.encode_answer import ChatStreamEncoder, encode_answer
from adapters.dialects.openai_chat.encode_request import encode_request
from adapters.dialects.openai_chat.tap import ChatStreamTap
from adapters.dialects.openai_shared import errors as openai_errors
from adapters.dialects.openai_shared.body_tap import ChatBodyTap
from adapters.errors import ProviderError


class OpenAIChat:
    """See `Dialect`."""

    name = NAME
    traits = Traits(counts_on_request=True, openai_family=True, id_everywhere=True)

    def path(self, model: str, *, stream: bool) -> str:  # noqa: ARG002  the model stands in the body
        return "/chat/completions"

    def encode_request(self, request: Request) -> Json:
        return encode_request(request)

    def stream_decoder(self) -> StreamDecoder:
        return ChatStreamDecoder()

    def decode_answer(self, body: bytes) -> list[Event]:
        return decode_answer(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return openai_errors.decode_error(status, headers, body)

    def decode_request(self, body: Json) -> Request:
        return decode_request(body)

    def stream_encoder(self, request: Request, cost_of: CostOf) -> StreamEncoder:
        return ChatStreamEncoder(request, cost_of)

    def encode_answer(self, events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
        return encode_answer(events, request, cost_of)

    def encode_error(self, error: ProviderError) -> bytes:
        return openai_errors.encode_error(error)

    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap:
        if stream:
            return ChatStreamTap(keep_usage=keep_usage, cost_of=cost_of)
        return ChatBodyTap(cost_of=cost_of)


OPENAI_CHAT: Dialect = OpenAIChat()
