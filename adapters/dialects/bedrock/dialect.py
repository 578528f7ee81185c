"""Bedrock Converse, `POST /model/{id}/converse` and `/converse-stream`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import orjson

from adapters.billing.counts import size_of
from adapters.canonical import (
    Event,
    Finish,
    Json,
    ReasoningDelta,
    Request,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from adapters.dialect import CostOf, Dialect, Tap, Traits
from adapters.dialects.bedrock import answer
from adapters.dialects.bedrock import request as bedrock_request
from adapters.dialects.shared.event_tap import BilledFacts, BodyTap
from adapters.errors import ProviderError, Truncated


def _note(tap: BilledFacts, events: Sequence[Event]) -> None:
    for event in events:
        match event:
            case TextDelta() | ReasoningDelta():
                tap.content = True
                tap.said += size_of(event.text)
            case ToolCallStart():
                tap.content = True
            case ToolCallDelta():
                tap.said += size_of(event.arguments)
            case Finish():
                tap.finish = event.reason
            case UsageReport():
                tap.usage = event.usage
            case _:
                pass


class _StreamTap(BilledFacts):
    """Reads along with a decoder; frames have checksums, so nothing is added to them."""

    def __init__(self, cost_of: CostOf) -> None:
        super().__init__(cost_of)
        self._decoder = answer.BedrockStreamDecoder()

    def feed(self, data: bytes) -> bytes:
        _note(self, self._decoder.feed(data))
        self.done = self._decoder.done
        return data

    def close(self) -> bytes:
        self._decoder.close()
        if self.finish is None:
            raise Truncated("The stream ended without a stop reason.")
        return b""


class _AnswerTap(BodyTap):
    def answer(self, raw: Json) -> bool:
        _note(self, answer.decode_answer(orjson.dumps(raw)))
        return False


class _BedrockConverse:
    name = bedrock_request.NAME
    traits = Traits()

    def path(self, model: str, *, stream: bool) -> str:
        return f"/model/{quote(model, safe='')}/{'converse-stream' if stream else 'converse'}"

    def encode_request(self, request: Request) -> Json:
        return bedrock_request.encode_request(request)

    def stream_decoder(self) -> answer.BedrockStreamDecoder:
        return answer.BedrockStreamDecoder()

    def decode_answer(self, body: bytes) -> list[Event]:
        return answer.decode_answer(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return answer.decode_error(status, headers, body)

    def decode_request(self, body: Json) -> Request:
        return bedrock_request.decode_request(body)

    def stream_encoder(self, request: Request, cost_of: CostOf) -> answer.BedrockStreamEncoder:
        del request
        return answer.BedrockStreamEncoder(cost_of)

    def encode_answer(self, events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
        del request
        return answer.encode_answer(events, cost_of)

    def encode_error(self, error: ProviderError) -> bytes:
        return orjson.dumps({"message": error.message, "__type": error.kind.label})

    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap:
        del keep_usage  # the counts are the stream's last frame, which every client needs
        return _StreamTap(cost_of) if stream else _AnswerTap(cost_of)


BEDROCK_CONVERSE: Dialect = _BedrockConverse()
BEDROCK = BEDROCK_CONVERSE
