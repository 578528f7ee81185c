"""Anthropic Messages: a server's answer, streamed or whole → canonical events."""

from __future__ import annotations

from typing import Any

from adapters.canonical import (
    Annotations,
    Event,
    Finish,
    Json,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from adapters.dialects.anthropic.decode_request import NAME, annotation
from adapters.dialects.anthropic.errors import error_of
from adapters.dialects.anthropic.usage import FINISH, Counters
from adapters.dialects.shared import signatures
from adapters.dialects.shared.event_tap import whole_pieces
from adapters.dialects.shared.lenient import word
from adapters.dialects.shared.no_answer import (
    ended_in_error,
    event_object,
    is_error,
    no_answer,
    unanswered,
    whole_object,
)
from adapters.dialects.shared.strict import object_text
from adapters.errors import ErrorKind, ProviderError, Truncated
from adapters.halves import Halves
from adapters.sse import SseSplitter


class AnthropicStreamDecoder:
    """An error that follows good events in one read is raised by the next call, so that those aren't lost."""

    __slots__ = ("_answer", "_failure", "_splitter", "done", "halves")

    def __init__(self) -> None:
        self._splitter = SseSplitter()
        self._answer = _Answer()
        self._failure: ProviderError | None = None
        self.halves = Halves()
        self.done = False

    def feed(self, data: bytes) -> list[Event]:
        return self._events(self._splitter.feed(data))

    def close(self) -> list[Event]:
        events = self._events([] if self.done else whole_pieces(self._splitter.close()))
        if self._failure is not None:
            raise self._failure
        return events + self._answer.close(self._splitter.stray)

    def _events(self, pieces: list[tuple[str, bytes]]) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        out: list[Event] = []
        try:
            for _, data in pieces:
                if self.done:
                    break
                if not data.startswith(b"[DONE]"):  # what servers like it say
                    self._answer.event(event_object(data, self.halves.loads), out)
                    self.done = self._answer.ended
        except ProviderError as error:
            self._failure = error
        except (KeyError, TypeError, AttributeError) as error:
            self._failure = ProviderError(ErrorKind.UPSTREAM, f"An event of the stream lacks {error}.", 200)
        if self._failure is not None and not out:
            raise self._failure
        return out


def decode_answer(body: bytes) -> list[Event]:
    raw = whole_object(body)
    check(raw)
    answer = _Answer()
    out: list[Event] = []
    out.append(Start(word(raw.get("id")), word(raw.get("model"))))
    for index, block in enumerate(raw["content"]):
        answer.block(index, block, out)
        answer.stop(index, out)
    answer.finish({**raw, "stop_reason": raw.get("stop_reason") or "end_turn"}, out)
    return out + answer.close()


def check(raw: Json) -> None:
    """Raises ProviderError for a body that is no message: see `no_answer`."""
    content = raw.get("content")
    if raw.get("type") == "error" or raw.get("error"):
        raise error_of(raw, 200)
    if not isinstance(content, list):
        raise no_answer(raw)
    if not raw.get("stop_reason") and not any(
        isinstance(block, dict) and block.get("type") for block in content
    ):
        raise no_answer(raw)


class _Block:
    """A content block that is open."""

    __slots__ = ("citations", "number", "pieces", "raw", "signature", "start")

    def __init__(self, raw: Json, start: int) -> None:
        self.raw = raw
        self.start = start
        self.number = -1
        self.signature = ""
        self.pieces: list[str] = []
        self.citations: list[Any] = []


class _Answer:
    __slots__ = ("_blocks", "_calls", "_counters", "_finished", "_length", "_odd", "_spoke", "ended")

    def __init__(self) -> None:
        self._odd: Json | None = None
        self._spoke = False
        self._counters = Counters()
        self._blocks: dict[int, _Block] = {}
        self._calls = 0
        self._length = 0
        self._finished = False
        self.ended = False

    def event(self, raw: Json, out: list[Event]) -> None:
        match raw.get("type"):
            case "content_block_delta":
                self._delta(raw, out)
            case "content_block_start":
                self.block(raw["index"], raw["content_block"], out)
            case "content_block_stop":
                self.stop(raw["index"], out)
            case "message_start":
                self.start(raw["message"], out)
            case "message_delta":
                self.finish({**(raw.get("delta") or {}), "usage": raw.get("usage")}, out)
            case "message_stop":
                self._report(out)
            case "error":
                raise error_of(raw)
            case None if is_error(raw):
                raise no_answer(raw)
            case None:
                self._odd = self._odd or raw
            case _:
                # ping, and whatever the API adds later: its rules ask clients to pass over the unknown.
                pass

    def close(self, stray: bytes = b"") -> list[Event]:
        if not self._finished:
            if self._spoke and not stray:
                raise Truncated("The stream ended without a stop reason.")
            raise unanswered(None if self._spoke else self._odd, stray)
        out: list[Event] = []
        self._report(out)
        return out

    def start(self, message: Json, out: list[Event]) -> None:
        self._counters.begin(message.get("usage"))
        out.append(Start(word(message.get("id")), word(message.get("model"))))

    def block(self, index: int, raw: Json, out: list[Event]) -> None:
        self._spoke = True
        block = self._blocks[index] = _Block(raw, self._length)
        match raw.get("type"):
            case "text":
                block.citations.extend(raw.get("citations") or ())
                if text := raw.get("text"):
                    self._length += len(text)
                    out.append(TextDelta(text))
            case "thinking":
                block.signature = raw.get("signature") or ""
                if thought := raw.get("thinking"):
                    out.append(ReasoningDelta(thought))
            case "redacted_thinking":
                out.append(ReasoningDelta(redacted=signatures.tagged(signatures.ANTHROPIC, raw["data"])))
            case "tool_use" if not raw.get("toolset_name"):
                block.number = self._calls
                self._calls += 1
                out.append(ToolCallStart(block.number, raw["id"], raw["name"]))
            case _:
                # Blocks that the server's own tools fill are passed on whole, at their end.
                pass

    def _delta(self, raw: Json, out: list[Event]) -> None:
        delta = raw["delta"]
        match delta["type"]:
            case "text_delta":
                text = delta["text"]
                self._length += len(text)
                out.append(TextDelta(text))
            case "input_json_delta":
                block = self._blocks[raw["index"]]
                if piece := delta["partial_json"]:
                    block.pieces.append(piece)
                    if block.number >= 0:
                        out.append(ToolCallDelta(block.number, piece))
            case "thinking_delta":
                out.append(ReasoningDelta(delta["thinking"]))
            case "signature_delta":
                self._blocks[raw["index"]].signature += delta["signature"]
            case "citations_delta":
                self._blocks[raw["index"]].citations.append(delta["citation"])
            case _:
                pass

    def stop(self, index: int, out: list[Event]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        match block.raw.get("type"):
            case "text":
                if block.citations:
                    entries = (
                        annotation(citation, block.start, self._length) for citation in block.citations
                    )
                    out.append(Annotations(tuple(entries)))
            case "thinking":
                if block.signature:
                    seal = signatures.tagged(signatures.ANTHROPIC, block.signature)
                    out.append(ReasoningDelta(signature=seal))
            case "redacted_thinking":
                pass
            case "tool_use" if block.number >= 0:
                if not block.pieces:
                    out.append(ToolCallDelta(block.number, object_text(block.raw.get("input"))))
            case _:
                raw = block.raw
                if block.pieces:
                    raw = {**raw, "input": event_object("".join(block.pieces).encode())}
                out.append(Opaque(NAME, raw))

    def finish(self, raw: Json, out: list[Event]) -> None:
        self._counters.add(raw.get("usage"))
        reason = raw.get("stop_reason")
        if reason is None or self._finished:
            return
        if reason == "error":
            raise ended_in_error(reason, raw)
        self._finished = True
        details = raw.get("stop_details")
        if isinstance(details, dict) and isinstance(details.get("explanation"), str):
            out.append(RefusalDelta(details["explanation"]))
        out.append(Finish(FINISH.get(reason, "stop"), reason, raw.get("stop_sequence")))

    def _report(self, out: list[Event]) -> None:
        usage = self._counters.usage()
        if usage is not None and not self.ended:
            out.append(UsageReport(usage))
        self.ended = True
