"""Gemini, `:generateContent` and `:streamGenerateContent?alt=sse`; on Vertex only the base URL differs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import orjson

from adapters.billing.counts import merged
from adapters.canonical import Event, Json, Request
from adapters.dialect import CostOf, Dialect, Tap, Traits
from adapters.dialects.gemini import decode_answer, decode_request, encode_answer, encode_request
from adapters.dialects.shared.event_tap import BilledFacts, BodyTap, EventTap
from adapters.dialects.shared.no_answer import no_answer
from adapters.errors import ProviderError


def _note(tap: BilledFacts, raw: Json) -> bool:
    decode_answer.refuse_error(raw)
    tap.id, tap.model = raw.get("responseId") or tap.id, raw.get("modelVersion") or tap.model
    for candidate in raw.get("candidates") or ():
        tap.searches = max(tap.searches, decode_answer.searches_in(candidate))
        parts = (candidate.get("content") or {}).get("parts") or ()
        tap.content |= any(
            part.get("text") or "functionCall" in part or "inlineData" in part for part in parts
        )
        tap.calls |= any("functionCall" in part for part in parts)
        tap.finish = decode_answer.end_of(candidate, calls=tap.calls, spoke=tap.content) or tap.finish
    if (raw.get("promptFeedback") or {}).get("blockReason") and not raw.get("candidates"):
        tap.finish = "content_filter"
    usage = raw.get("usageMetadata")
    if not isinstance(usage, dict):
        return False
    counted = merged(tap.usage, decode_answer.decode_usage(usage))
    if tap.finish is None:  # counts of a chunk in between are not the bill
        tap.usage = counted
        return False
    return tap.price(decode_answer.grounded(counted, tap.searches), usage)


class _StreamTap(EventTap):
    member = "candidates"
    spoken = re.compile(rb'"text": ?"((?:[^"\\]++|\\.)*+)"')

    def said_in(self, raw: Json) -> int:
        return decode_answer.said_in(raw)

    def is_telling(self, data: bytes) -> bool:
        return (
            b'"finishReason"' in data
            or b'"error"' in data
            or b'"usageMetadata"' in data
            or b"functionCall" in data
        )

    def event(self, raw: Json) -> bool:
        return _note(self, raw)


class _AnswerTap(BodyTap):
    def answer(self, raw: Json) -> bool:
        self.said = decode_answer.said_in(raw)
        changed = _note(self, raw)
        if self.finish is None and not self.content:
            raise no_answer(raw)
        return changed


class _Gemini:
    name = encode_request.NAME
    traits = Traits(model_in_path=True)

    def path(self, model: str, *, stream: bool) -> str:
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/models/{quote(model.removeprefix('models/'), safe='')}:{verb}"

    def encode_request(self, request: Request) -> Json:
        return encode_request.encode_request(request)

    def stream_decoder(self) -> decode_answer.GeminiStreamDecoder:
        return decode_answer.GeminiStreamDecoder()

    def decode_answer(self, body: bytes) -> list[Event]:
        return decode_answer.decode_answer(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        return decode_answer.decode_error(status, headers, body)

    def decode_request(self, body: Json) -> Request:
        return decode_request.decode_request(body)

    def stream_encoder(self, request: Request, cost_of: CostOf) -> encode_answer.GeminiStreamEncoder:
        return encode_answer.GeminiStreamEncoder(request, cost_of)

    def encode_answer(self, events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes:
        return encode_answer.encode_answer(events, request, cost_of)

    def encode_error(self, error: ProviderError) -> bytes:
        return orjson.dumps(encode_answer.error_object(error))

    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap:
        del keep_usage  # the counts ride on chunks that every client needs
        return _StreamTap(cost_of) if stream else _AnswerTap(cost_of)


GEMINI: Dialect = _Gemini()
