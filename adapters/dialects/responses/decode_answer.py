"""OpenAI Responses: a server's answer, streamed or whole → canonical events."""

from __future__ import annotations

from typing import Any

from adapters.canonical import (
    Annotations,
    Event,
    Finish,
    FinishReason,
    Json,
    LogProbs,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.dialects.openai_shared.usage import decode_usage
from adapters.dialects.responses.decode_request import NAME, annotation, reasoning
from adapters.dialects.shared.event_tap import whole_pieces
from adapters.dialects.shared.lenient import moment, word
from adapters.dialects.shared.no_answer import (
    ENDS_WITHOUT_MESSAGE,
    ended_in_error,
    event_object,
    is_error,
    no_answer,
    unanswered,
    whole_object,
)
from adapters.errors import ErrorKind, ProviderError, Truncated
from adapters.halves import Halves
from adapters.sse import SseSplitter

_INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def finish_of(response: Json, *, calls: bool) -> Finish:
    status = response.get("status")
    if status == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason") or "incomplete"
        return Finish(_INCOMPLETE.get(reason, "length"), reason)
    return Finish("tool_calls" if calls else "stop", status)


def check(response: Json, *, spoke: bool = False) -> None:
    """Raises ProviderError for a response that is no answer, see `no_answer`; `spoke`: content of it came before."""
    status, output = response.get("status"), response.get("output")
    if response.get("error") or response.get("object") == "error":
        raise no_answer(response)
    if status in ("failed", "cancelled"):
        raise ended_in_error(status, response)
    if spoke or (
        isinstance(output, list) and any(isinstance(item, dict) and item.get("type") for item in output)
    ):
        return
    if response.get("background") and status in ("queued", "in_progress"):
        return
    ended = status == "incomplete" and (response.get("incomplete_details") or {}).get("reason")
    if not isinstance(output, list) or _INCOMPLETE.get(ended or "") not in ENDS_WITHOUT_MESSAGE:
        raise no_answer(response)


class ResponsesStreamDecoder:
    """An error that follows good events in one read is raised by the next call, so that those aren't lost."""

    __slots__ = ("_calls", "_failure", "_odd", "_said", "_splitter", "_spoke", "done", "halves")

    def __init__(self) -> None:
        self._splitter = SseSplitter()
        self._failure: ProviderError | None = None
        self._calls: dict[int, int] = {}
        # Output items whose content came in pieces; what didn't is taken from the whole item at its end.
        self._said: set[int] = set()
        self.halves = Halves()
        self.done = False
        self._spoke = False
        self._odd: Json | None = None

    def feed(self, data: bytes) -> list[Event]:
        return self._events(self._splitter.feed(data))

    def close(self) -> list[Event]:
        events = self._events([] if self.done else whole_pieces(self._splitter.close()))
        if self._failure is not None:
            raise self._failure
        if not self.done:
            if self._spoke and not self._splitter.stray:
                raise Truncated("The stream ended before the response did.")
            raise unanswered(None if self._spoke else self._odd, self._splitter.stray)
        return events

    def _events(self, pieces: list[tuple[str, bytes]]) -> list[Event]:
        if self._failure is not None:
            raise self._failure
        out: list[Event] = []
        try:
            for _, data in pieces:
                if self.done:
                    break
                if not data.startswith(b"[DONE]"):
                    self._event(event_object(data, self.halves.loads), out)
        except ProviderError as error:
            self._failure = error
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            self._failure = ProviderError(
                ErrorKind.UPSTREAM, f"An event of the stream is broken: {error}.", 200
            )
        if self._failure is not None and not out:
            raise self._failure
        return out

    def _event(self, raw: Json, out: list[Event]) -> None:
        before = len(out)
        match raw.get("type"):
            case "response.output_text.delta":
                self._said.add(raw["output_index"])
                if text := raw["delta"]:
                    out.append(TextDelta(text))
                if entries := raw.get("logprobs"):
                    out.append(LogProbs(tuple(entries)))
            case "response.function_call_arguments.delta":
                self._said.add(raw["output_index"])
                out.append(ToolCallDelta(self._calls[raw["output_index"]], raw["delta"]))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                self._said.add(raw["output_index"])
                out.append(ReasoningDelta(raw["delta"], id=raw.get("item_id")))
            case "response.refusal.delta":
                self._said.add(raw["output_index"])
                out.append(RefusalDelta(raw["delta"]))
            case "response.output_text.annotation.added":
                out.append(Annotations((annotation(raw["annotation"]),)))
            case "response.output_item.added":
                item = raw["item"]
                if item["type"] == "function_call":
                    number = self._calls[raw["output_index"]] = len(self._calls)
                    out.append(ToolCallStart(number, item["call_id"], item["name"]))
            case "response.output_item.done":
                index = raw["output_index"]
                _item(raw["item"], self._calls.get(index, 0), out, streamed=index in self._said)
            case "response.created":
                out.append(_start(raw["response"]))
                return
            case "response.completed" | "response.incomplete":
                self._end(raw["response"], out)
            case "response.failed" | "error" | "response.error":
                raise no_answer(raw.get("response") or _nested(raw))
            case None if is_error(raw):
                raise no_answer(raw)
            case None:
                self._odd = self._odd or raw
            case _:
                # Progress of tools that the server runs, and ends of what came in pieces.
                pass
        self._spoke = self._spoke or len(out) > before

    def _end(self, response: Json, out: list[Event]) -> None:
        check(response, spoke=self._spoke)
        self.done = True
        calls = len(self._calls) if self._spoke else _output(response, out)
        out.append(finish_of(response, calls=calls > 0))
        _report(response, out)


def _nested(raw: Json) -> Json:
    return raw if isinstance(raw.get("error"), dict) else {"error": {**raw, "type": raw.get("code")}}


def decode_answer(body: bytes) -> list[Event]:
    response = whole_object(body)
    check(response)
    out: list[Event] = [_start(response)]
    calls = _output(response, out)
    out.append(finish_of(response, calls=calls > 0))
    _report(response, out)
    return out


def _output(response: Json, out: list[Event]) -> int:
    """Decodes the whole output; returns the number of calls in it."""
    calls = 0
    for item in response.get("output") or ():
        if item.get("type") == "function_call":
            out.append(ToolCallStart(calls, item["call_id"], item["name"]))
        _item(item, calls, out, streamed=False)
        calls += item.get("type") == "function_call"
    return calls


def _start(response: Json) -> Start:
    return Start(word(response.get("id")), word(response.get("model")), moment(response.get("created_at")))


def _item(item: Json, number: int, out: list[Event], *, streamed: bool) -> None:
    match item.get("type"):
        case "message":
            if not streamed:
                for part in item.get("content") or ():
                    _part(part, out)
        case "function_call":
            if not streamed:
                out.append(ToolCallDelta(number, item.get("arguments") or "{}"))
        case "reasoning":
            thought = reasoning(item)
            text = "" if streamed else thought.text
            if text or thought.signature:
                out.append(ReasoningDelta(text, thought.signature, id=thought.id))
        case _:
            out.append(Opaque(NAME, item))


def _part(part: Json, out: list[Event]) -> None:
    if part.get("type") == "refusal":
        out.append(RefusalDelta(part["refusal"]))
        return
    if text := part.get("text"):
        out.append(TextDelta(text))
    if entries := part.get("logprobs"):
        out.append(LogProbs(tuple(entries)))
    if annotations := part.get("annotations"):
        out.append(Annotations(tuple(annotation(entry) for entry in annotations)))


def counted(response: Json, usage: Json) -> Usage:
    """Returns the counts of a response, with the tools that it used."""
    counts = decode_usage(usage, response.get("service_tier"))
    uses: dict[str, int] = {}
    containers: set[object] = set()
    output = response.get("output")
    for item in output if isinstance(output, list) else ():
        match item:
            # Opening a page that was found is no search: https://platform.openai.com/docs/guides/tools-web-search
            case {"type": "web_search_call", "action": {"type": "open_page" | "find_in_page" | "find"}}:
                pass
            case {"type": "web_search_call"}:
                uses["web_search"] = uses.get("web_search", 0) + 1
            case {"type": "file_search_call"}:
                uses["file_search"] = uses.get("file_search", 0) + 1
            case {"type": "code_interpreter_call"}:
                containers.add(str(item.get("container_id") or item.get("id")))
            case _:
                pass
    if containers:
        uses["code_execution"] = len(containers)
    if uses:
        counts.uses = uses
    return counts


def _report(response: Json, out: list[Event]) -> None:
    usage: Any = response.get("usage")
    if isinstance(usage, dict):
        out.append(UsageReport(counted(response, usage)))
