"""Gemini: a server's answer, streamed or whole → canonical events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from adapters import lenient_json
from adapters.billing.counts import size_of
from adapters.billing.service_tiers import tier_of
from adapters.canonical import (
    Annotations,
    Event,
    Finish,
    FinishReason,
    Json,
    LogProbs,
    MediaDelta,
    Opaque,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.dialects.gemini.encode_request import NAME
from adapters.dialects.openai_shared import errors as openai_errors
from adapters.dialects.shared import signatures
from adapters.dialects.shared.event_tap import whole_pieces
from adapters.dialects.shared.lenient import count, word
from adapters.dialects.shared.no_answer import (
    ENDS_WITHOUT_MESSAGE,
    ended_in_error,
    event_object,
    is_error,
    no_answer,
    unanswered,
    whole_object,
)
from adapters.dialects.shared.reported_cost import reported
from adapters.dialects.shared.strict import object_text
from adapters.errors import ErrorKind, ProviderError, Truncated
from adapters.halves import Halves
from adapters.sse import MAX_STRAY_BYTES, SseSplitter

# Protobuf's JSON may write an enum as its number.
_NUMBERED = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
)
_LENGTH = frozenset({"MAX_TOKENS"})
_STOP = frozenset({"STOP", "FINISH_REASON_UNSPECIFIED"})
_ERROR = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "OTHER"})


def finish_reason(native: str, *, calls: bool) -> FinishReason:
    """What is none of the words above names a filter: SAFETY, BLOCKLIST, PROHIBITED_CONTENT, SPII …"""
    if native in _STOP or (calls and native == "FUNCTION_CALL"):  # what some servers like it say
        return "tool_calls" if calls else "stop"
    if native in _LENGTH:
        return "length"
    return "error" if native in _ERROR else "content_filter"


def native_end(candidate: Json) -> str | None:
    """Returns a candidate's finish reason in Google's word."""
    native = candidate.get("finishReason")
    if isinstance(native, int) and not isinstance(native, bool):
        return _NUMBERED[native] if 0 <= native < len(_NUMBERED) else "OTHER"
    return native if isinstance(native, str) else None


def end_of(candidate: Json, *, calls: bool, spoke: bool) -> FinishReason | None:
    """Returns why a candidate ended, None where it didn't, or ended without its message and was no answer. Raises
    ProviderError for an end that is an error. `spoke`: content came before.
    """
    native = native_end(candidate)
    if not native:
        return None
    reason = finish_reason(native, calls=calls)
    if reason == "error":
        raise ended_in_error(native, candidate)
    whole = spoke or isinstance(candidate.get("content"), dict) or reason in ENDS_WITHOUT_MESSAGE
    return reason if whole else None


def refuse_error(raw: Json) -> None:
    """Raises ProviderError for a chunk that is an error, beside candidates or in place of them."""
    if raw.get("error") or ("candidates" not in raw and is_error(raw)):
        raise no_answer(raw)


def decode_usage(raw: Json) -> Usage:
    """The prompt's count includes what was cached, but not what tools of the server added; thoughts are
    counted beside the candidates.
    """
    prompt, tools = count(raw.get("promptTokenCount")), count(raw.get("toolUsePromptTokenCount"))
    spoken, thoughts = count(raw.get("candidatesTokenCount")), count(raw.get("thoughtsTokenCount"))
    given = _by_modality(raw, "promptTokensDetails", "toolUsePromptTokensDetails")
    made = _by_modality(raw, "candidatesTokensDetails")
    read = _by_modality(raw, "cacheTokensDetails")
    cost, figure = reported(raw)
    return Usage(
        input=None if prompt is None else prompt + (tools or 0),
        # A prompt that used up all tokens by thinking has no candidates' count; protobuf leaves zeros out.
        output=None if prompt is None and spoken is None else (spoken or 0) + (thoughts or 0),
        cached=count(raw.get("cachedContentTokenCount")),
        reasoning=thoughts,
        input_audio=given.get("AUDIO"),
        output_audio=made.get("AUDIO"),
        cost_usd=cost,
        cached_audio=read.get("AUDIO"),
        input_image=given.get("IMAGE"),
        output_image=made.get("IMAGE"),
        cached_image=read.get("IMAGE"),
        input_video=given.get("VIDEO"),
        output_video=made.get("VIDEO"),
        tier=tier_of(raw.get("serviceTier") or raw.get("trafficType")),
        reported_usd=figure,
    )


def _by_modality(raw: Json, *names: str) -> dict[str, int]:
    tokens: dict[str, int] = {}
    for name in names:
        details = raw.get(name)
        for entry in details if isinstance(details, list) else ():
            if isinstance(entry, dict):
                kind, number = entry.get("modality"), count(entry.get("tokenCount"))
                if isinstance(kind, str) and number is not None:
                    tokens[kind] = tokens.get(kind, 0) + number
    return tokens


def searches_in(candidate: Json) -> int:
    """Returns how often the web was searched for a candidate."""
    grounding = candidate.get("groundingMetadata")
    queries = grounding.get("webSearchQueries") if isinstance(grounding, dict) else None
    return (
        sum(isinstance(query, str) and bool(query) for query in queries) if isinstance(queries, list) else 0
    )


def grounded(usage: Usage, searches: int) -> Usage:
    """Notes searches in `usage`: older models are billed by the prompt that was grounded, newer ones by the search."""
    if searches:
        usage.uses = {"web_search": searches, "grounded_prompt": 1}
    return usage


class Answer:
    """Gathers the chunks of one answer; a whole answer is one chunk."""

    def __init__(self) -> None:
        self._started = False
        self._calls: dict[int, int] = {}
        self._finished = False
        self._spoke = False
        self._odd: Json | None = None
        self._usage: Json | None = None
        self._searches = 0

    def chunk(self, raw: Json, out: list[Event]) -> None:
        refuse_error(raw)
        if not self._started:
            self._started = True
            out.append(Start(word(raw.get("responseId")), word(raw.get("modelVersion"))))
        for candidate in raw.get("candidates") or ():
            self._candidate(candidate, out)
        if not raw.get("candidates"):
            self._odd = self._odd or raw
        if isinstance(raw.get("usageMetadata"), dict):
            # The last word on each count; some chunks have a few alone.
            self._usage = {**(self._usage or {}), **raw["usageMetadata"]}
        blocked = (raw.get("promptFeedback") or {}).get("blockReason")
        if blocked and not raw.get("candidates"):
            self._finished = True
            out.append(Finish("content_filter", blocked))

    def whole(self, raw: Json, out: list[Event]) -> None:
        """Reads an answer that is one chunk, and may lack the reason why it ended. Raises ProviderError for none."""
        self.chunk(raw, out)
        if not self._finished:
            if not self._spoke:
                raise no_answer(raw)
            self._finished = True
            out.append(Finish("tool_calls" if self._calls else "stop"))

    def close(self, stray: bytes = b"") -> list[Event]:
        if not self._finished:
            if self._spoke and not stray:
                raise Truncated("The stream ended without a finish reason.")
            raise unanswered(None if self._spoke else self._odd, stray)
        return (
            [] if self._usage is None else [UsageReport(grounded(decode_usage(self._usage), self._searches))]
        )

    def _candidate(self, raw: Json, out: list[Event]) -> None:
        choice = raw.get("index") or 0
        before = len(out)
        self._searches = max(self._searches, searches_in(raw))
        for part in (raw.get("content") or {}).get("parts") or ():
            self._part(part, choice, out)
        self._spoke = self._spoke or len(out) > before
        if entries := [
            _logprob(entry) for entry in (raw.get("logprobsResult") or {}).get("chosenCandidates") or ()
        ]:
            out.append(LogProbs(tuple(entries), choice))
        if citations := _citations(raw.get("groundingMetadata")):
            out.append(Annotations(tuple(citations), choice))
        if ended := end_of(raw, calls=choice in self._calls, spoke=self._spoke):
            self._finished = True
            out.append(Finish(ended, native_end(raw), choice=choice))

    def _part(self, part: Json, choice: int, out: list[Event]) -> None:
        seal = signatures.tagged(signatures.GEMINI, part.get("thoughtSignature"))
        if "functionCall" in part:
            call = part["functionCall"]
            number = self._calls.get(choice, 0)
            self._calls[choice] = number + 1
            out.append(ToolCallStart(number, call.get("id") or "", call["name"], seal, choice))
            out.append(ToolCallDelta(number, object_text(call.get("args")), choice))
            return
        if "inlineData" in part:
            data = part["inlineData"]
            media_type = data.get("mimeType") or ""
            kind: Any = "audio" if media_type.startswith("audio/") else "image"
            out.append(MediaDelta(kind, data.get("data") or "", media_type or None, choice=choice))
        elif "executableCode" in part or "codeExecutionResult" in part:
            out.append(Opaque(NAME, part))
        elif text := part.get("text"):
            out.append(
                ReasoningDelta(text, choice=choice) if part.get("thought") else TextDelta(text, choice)
            )
        if seal:
            out.append(ReasoningDelta(signature=seal, choice=choice))


def _logprob(raw: Json) -> Json:
    return {
        "token": raw.get("token"),
        "logprob": raw.get("logProbability"),
        "bytes": None,
        "top_logprobs": [],
    }


def _citations(grounding: Any) -> list[Json]:
    chunks = (grounding or {}).get("groundingChunks") or ()
    pages = [chunk["web"] for chunk in chunks if isinstance(chunk.get("web"), dict)]
    return [
        {"type": "url_citation", "url_citation": {"url": page.get("uri"), "title": page.get("title")}}
        for page in pages
    ]


class GeminiStreamDecoder:
    """Reads `alt=sse`, and the JSON array that a server sends without it. An error that follows good events
    in one read is raised by the next call.
    """

    done = False  # it has no end marker: a chunk with a finish reason may be followed by another

    def __init__(self) -> None:
        self.halves = Halves()
        self._splitter = SseSplitter()
        self._answer = Answer()
        self._failure: ProviderError | None = None
        self._array: bytes | None = None
        self._fresh = True
        self._stray = b""

    def feed(self, data: bytes) -> list[Event]:
        if self._fresh and (head := data.lstrip()):
            self._fresh = False
            self._array = b"" if head.startswith(b"[") else None
        if self._array is not None:
            return self._events(self._elements(data))
        return self._events([piece for _, piece in self._splitter.feed(data)])

    def close(self) -> list[Event]:
        events = self._events(
            [] if self._array is not None else [piece for _, piece in whole_pieces(self._splitter.close())]
        )
        if self._failure is not None:
            raise self._failure
        return events + self._answer.close(self._splitter.stray if self._array is None else self._stray)

    def _elements(self, data: bytes) -> list[bytes]:
        held = (self._array or b"") + data
        self._stray += data[: MAX_STRAY_BYTES - len(self._stray)]
        elements: list[bytes] = []
        while b"}" in held and (start := held.find(b"{")) >= 0:
            try:
                _, end = json.JSONDecoder().raw_decode(
                    text := held[start:].decode("utf-8", "surrogateescape")
                )
            except json.JSONDecodeError:
                break
            elements.append(text[:end].encode("utf-8", "surrogateescape"))
            held = text[end:].encode("utf-8", "surrogateescape")
        self._array = held
        return elements

    def _events(self, pieces: list[bytes]) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        out: list[Event] = []
        try:
            for piece in pieces:
                if not piece.startswith(b"[DONE]"):
                    self._answer.chunk(event_object(piece, self.halves.loads), out)
        except ProviderError as error:
            self._failure = error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            self._failure = ProviderError(
                ErrorKind.UPSTREAM, f"A chunk of the stream is broken: {error}.", 200
            )
        if self._failure is not None and not out:
            raise self._failure
        return out


def decode_answer(body: bytes) -> list[Event]:
    answer = Answer()
    out: list[Event] = []
    answer.whole(whole_object(body), out)
    return out + answer.close()


def said_in(raw: Json) -> int:
    """Returns the bytes of content in a chunk or a whole answer."""
    size = 0
    for candidate in raw.get("candidates") or ():
        for part in (candidate.get("content") or {}).get("parts") or ():
            if isinstance(text := part.get("text"), str):
                size += size_of(text)
            elif "functionCall" in part:
                size += size_of(object_text(part["functionCall"].get("args")))
    return size


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The wait stands in the body: `details[].retryDelay`, such as "34s"."""
    error = openai_errors.decode_error(status, headers, body)
    if error.retry_after_s is None:
        try:
            raw = lenient_json.loads(body)
            raw = raw[0] if isinstance(raw, list) else raw
            delays = [entry["retryDelay"] for entry in raw["error"]["details"] if "retryDelay" in entry]
            error.retry_after_s = min(3600.0, max(0.0, float(delays[0].removesuffix("s"))))
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            error.retry_after_s = None
    return error
