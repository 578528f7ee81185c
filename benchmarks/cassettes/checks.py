"""The adapters' reading of an exchange, fed in many ways, against the naive one."""

from __future__ import annotations

import base64
import json
import random
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adapters.canonical import (
    Event,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
    merge,
)
from adapters.dialect import Dialect, StreamDecoder
from adapters.dialects import by_name
from adapters.dialects.embeddings import decode_embeddings
from adapters.dialects.openai_completions import COMPLETIONS
from adapters.errors import ErrorKind, Inexpressible, InvalidRequest, ProviderError, Truncated
from benchmarks.cassettes.reading import Reading, arguments, read
from benchmarks.cassettes.recordings import Exchange

_ERROR_KINDS = {
    401: {ErrorKind.AUTHENTICATION},
    402: {ErrorKind.QUOTA},
    403: {ErrorKind.PERMISSION, ErrorKind.AUTHENTICATION},
    404: {ErrorKind.NOT_FOUND},
    429: {ErrorKind.RATE_LIMIT, ErrorKind.QUOTA},
}


def dialect_of(exchange: Exchange) -> Any:
    """Returns the dialect of an exchange; text completions count as one."""
    return COMPLETIONS if exchange.dialect == "completions" else by_name(exchange.dialect or "")


def check_answer(exchange: Exchange, seed: int) -> list[str]:
    """Returns the reasons why the adapters' reading of the answer is wrong; none: it is right."""
    if exchange.dialect == "embeddings" and exchange.status < 400:
        return _check_embeddings(exchange)
    if exchange.status >= 400:
        name = "openai_chat" if exchange.dialect in ("embeddings", "completions") else exchange.dialect
        error = by_name(name or "").decode_error(exchange.status, exchange.headers, exchange.body)
        wanted = _ERROR_KINDS.get(exchange.status)
        if wanted is not None and error.kind not in wanted:
            return [f"status {exchange.status} read as {error.kind.label}"]
        return [] if error.message else ["no message in the error"]
    try:
        naive = read(exchange.dialect or "", exchange.body, stream=exchange.stream)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return [f"the naive reading fails: {type(error).__name__}: {error}"]
    dialect = dialect_of(exchange)
    try:
        events = _events(dialect, exchange, [exchange.body])
    except (ProviderError, Truncated) as error:
        return [] if naive.error else [f"{type(error).__name__}: {error}"]
    wrong = compare(naive, reading_of(events))
    if exchange.stream:
        merged = merge(events)
        for name, pieces in splittings(exchange.body, seed):
            if merge(_events(dialect, exchange, pieces)) != merged:
                wrong.append(f"other events when fed {name}")
    if hasattr(dialect, "tap"):
        wrong += _check_tap(dialect, exchange, events, seed)
    return wrong


def _events(dialect: Any, exchange: Exchange, pieces: Sequence[bytes]) -> list[Event]:
    if not exchange.stream:
        return list(dialect.decode_answer(exchange.body))
    decoder: StreamDecoder = dialect.stream_decoder()
    events: list[Event] = []
    for piece in pieces:
        events += decoder.feed(piece)
    return events + decoder.close()


def splittings(body: bytes, seed: int) -> Iterator[tuple[str, list[bytes]]]:
    """Yields names and pieces: byte by byte, and cut at random in three grains."""
    yield "byte by byte", [body[i : i + 1] for i in range(len(body))]
    rng = random.Random(seed)
    for grain in (3, 40, 700):
        pieces, at = [], 0
        while at < len(body):
            length = rng.randint(1, 2 * grain)
            pieces.append(body[at : at + length])
            at += length
        yield f"in pieces of about {grain} bytes", pieces


def _unpriced(usage: Usage) -> None:
    return None


ADDED_FINISH = re.compile(
    rb'data: \{[^\n]*"choices":\[\{"index":0,"finish_reason":"(?:stop|tool_calls)","delta":\{\}\}\]\}\n\n(?=data: \[DONE\])'
)
"""What the gateway says before the end mark of a stream that told no finish reason."""


def _check_tap(dialect: Dialect, exchange: Exchange, events: list[Event], seed: int) -> list[str]:
    wrong = []
    report = next((event for event in reversed(events) if isinstance(event, UsageReport)), None)
    for name, pieces in [
        ("whole", [exchange.body]),
        *(splittings(exchange.body, seed) if exchange.stream else ()),
    ]:
        tap = dialect.tap(stream=exchange.stream, keep_usage=True, cost_of=_unpriced)
        passed = ADDED_FINISH.sub(b"", b"".join([tap.feed(piece) for piece in pieces]) + tap.close())
        # Cohere's API ends with `message-end`, and sends OpenAI's end mark after it.
        if passed != exchange.body and passed + b"data: [DONE]\n\n" != exchange.body.rstrip(b"\n") + b"\n\n":
            wrong.append(f"the tap changed the bytes when fed {name}")
        if report is not None and tap.usage != report.usage:
            wrong.append(f"the tap counts otherwise when fed {name}: {tap.usage} for {report.usage}")
    return wrong


def reading_of(events: Sequence[Event]) -> Reading:
    """Sums up events in the form of the naive reading."""
    reading = Reading()
    calls: dict[tuple[int, int], list[str]] = {}
    for event in events:
        match event:
            case TextDelta():
                reading.text[event.choice] += event.text
            case ReasoningDelta():
                reading.reasoning += event.text
            case RefusalDelta():
                reading.refusal += event.text
            case ToolCallStart():
                calls[event.choice, event.index] = [event.name, ""]
            case ToolCallDelta():
                calls[event.choice, event.index][1] += event.arguments
            case Finish():
                reading.finish[event.choice] = event.reason
            case UsageReport():
                usage = event.usage
                reading.usage = {
                    name: getattr(usage, name)
                    for name in ("input", "output", "cached", "cache_write", "reasoning")
                }
            case _:
                pass
    reading.calls = [(choice, name, arguments(text)) for (choice, _), (name, text) in calls.items()]
    return reading


def compare(naive: Reading, ours: Reading) -> list[str]:
    """Returns what differs. A count that the naive reading doesn't know isn't compared."""
    wrong = []
    for name in ("text", "calls", "finish", "refusal", "reasoning"):
        said, read_ = getattr(naive, name), getattr(ours, name)
        if name == "text":
            said, read_ = ({k: v for k, v in texts.items() if v} for texts in (said, read_))
        if name == "calls":
            said, read_ = sorted(said, key=repr), sorted(read_, key=repr)
        if said != read_:
            wrong.append(f"{name}: {_short(read_)} for {_short(said)}")
    for name, count in naive.usage.items():
        if count is not None and ours.usage.get(name) != count:
            wrong.append(f"usage.{name}: {ours.usage.get(name)} for {count}")
    return wrong


def _short(value: Any) -> str:
    text = repr(dict(value) if isinstance(value, dict) else value)
    return text if len(text) <= 120 else text[:117] + "…"


def _check_embeddings(exchange: Exchange) -> list[str]:
    answer = decode_embeddings(exchange.body)
    raw = json.loads(exchange.body)
    wrong = []
    said = [item["embedding"] for item in raw["data"]]
    said = [
        list(array("f", base64.b64decode(vector))) if isinstance(vector, str) else vector for vector in said
    ]
    if [vector for _, vector in answer.vectors] != said:
        wrong.append("other vectors")
    if answer.usage.input != raw["usage"].get("prompt_tokens", raw["usage"].get("total_tokens")):
        wrong.append(f"usage.input: {answer.usage.input}")
    return wrong


def check_request(exchange: Exchange) -> list[str]:
    """Returns the differences between the recorded request and ours made of its meaning."""
    dialect = dialect_of(exchange)
    try:
        body = dialect.encode_request(dialect.decode_request(exchange.request))
    except (InvalidRequest, Inexpressible) as error:
        # What the provider refused too is no fault of ours.
        return [] if exchange.status in (400, 422) else [f"{type(error).__name__}: {error}"]
    same = _SAME.get(exchange.dialect or "", lambda raw: raw)
    return list(_differences(_plain(same(exchange.request)), _plain(same(body)), ""))


def _same_chat(raw: Any) -> Any:
    raw = dict(raw)
    if "max_completion_tokens" in raw:
        raw["max_tokens"] = raw.pop("max_completion_tokens")
    if "functions" in raw:
        raw["tools"] = [{"type": "function", "function": function} for function in raw.pop("functions")]
    if "function_call" in raw:
        choice = raw.pop("function_call")
        raw["tool_choice"] = choice if isinstance(choice, str) else {"type": "function", "function": choice}
    if "tools" in raw:  # Mistral leaves out what a tool is
        raw["tools"] = [{"type": "function", **tool} for tool in raw["tools"] or ()]
    if raw.get("tool_choice") == "any":
        raw["tool_choice"] = "required"
    if raw.get("response_format") == {"type": "text"}:
        del raw["response_format"]
    if isinstance(raw.get("stop"), str):
        raw["stop"] = [raw["stop"]]
    if raw.get("stream_options") == {"include_usage": False} or not raw.get("stream"):
        raw.pop("stream_options", None)
    reasoning = raw.get("reasoning")
    if isinstance(reasoning, dict) and set(reasoning) == {"effort"}:
        raw["reasoning_effort"] = raw.pop("reasoning")["effort"]
    messages = []
    for recorded in raw.get("messages", ()):
        message = {key: value for key, value in recorded.items() if value not in (None, [])}
        if message.get("role") == "function":
            message |= {"role": "tool", "tool_call_id": f"call_{message['name']}"}
        if "function_call" in message:
            function = message.pop("function_call")
            message["tool_calls"] = [
                {"id": f"call_{function['name']}", "type": "function", "function": function}
            ]
        if message.get("role") == "assistant" and message.get("content") == "":
            del message["content"]
        if message.get("tool_calls"):
            message["tool_calls"] = [
                {name: value for name, value in call.items() if name != "index"}
                for call in message["tool_calls"]
            ]
        if isinstance(message.get("content"), list):
            message["content"] = [_same_file(part) for part in message["content"]]
        for field in ("annotations", "refusal", "audio", "prefix"):
            if not message.get(field):
                message.pop(field, None)
        messages.append(message)
    raw["messages"] = messages
    return raw


def _same_file(part: Any) -> Any:
    """Mistral's word for a file; its row puts it back."""
    if part.get("type") != "document_url":
        return part
    said = {"file_data": part["document_url"]}
    if part.get("document_name") is not None:
        said["filename"] = part["document_name"]
    return {"type": "file", "file": said}


def _same_completion(raw: Any) -> Any:
    prompt = raw.get("prompt")
    return {**raw, "prompt": prompt[0]} if isinstance(prompt, list) and len(prompt) == 1 else raw


def _same_messages(raw: Any) -> Any:
    raw = dict(raw)
    if "output_format" in raw:
        raw["output_config"] = {**raw.get("output_config", {}), "format": raw.pop("output_format")}
    return raw


def _same_gemini(raw: Any) -> Any:
    """Google takes both ways of writing a name, and a schema under two."""
    if isinstance(raw, list):
        return [_same_gemini(inner) for inner in raw]
    if not isinstance(raw, dict):
        return raw
    out = {}
    for key, inner in raw.items():
        name = re.sub(r"_([a-z])", lambda found: found[1].upper(), key)
        if (name == "generationConfig" and not inner) or (
            key == "role" and "parts" in raw and inner == "user"
        ):
            continue
        name = {"parametersJsonSchema": "parameters", "responseJsonSchema": "responseSchema"}.get(name, name)
        if name != "model":
            out[name] = _same_gemini(inner)
    return out


def _same_converse(raw: Any) -> Any:
    """A result is a success unless it says otherwise, and a schema is JSON in a text."""
    if isinstance(raw, list):
        return [_same_converse(inner) for inner in raw]
    if not isinstance(raw, dict):
        return raw
    out = {
        key: _same_converse(value)
        for key, value in raw.items()
        if key != "model" and not (key in ("system", "inferenceConfig") and not value)
    }
    if out.get("status") == "success":
        del out["status"]
    if isinstance(out.get("jsonSchema"), dict) and isinstance(out["jsonSchema"].get("schema"), str):
        out["jsonSchema"]["schema"] = json.loads(out["jsonSchema"]["schema"])
    return out


def _same_responses(raw: Any) -> Any:
    """What an item says of itself (its status, its phase, marks of a cache) is not what it holds; instructions
    are a system message in front.
    """
    raw = dict(raw)
    instructions = raw.pop("instructions", None)
    if isinstance(raw.get("input"), str):
        raw["input"] = [{"role": "user", "content": raw["input"]}]
    items = [dict(item) for item in raw.get("input") or []]
    for item in items:
        for name in ("status", "phase"):
            item.pop(name, None)
        if item.get("role"):
            item.pop("id", None)
        if isinstance(item.get("content"), list):
            item["content"] = [
                {
                    name: value
                    for name, value in part.items()
                    if name != "prompt_cache_breakpoint"
                    and not (name in ("annotations", "logprobs") and not value)
                }
                for part in item["content"]
            ]
    if instructions:
        items.insert(0, {"role": "system", "content": instructions})
    if items:
        raw["input"] = items
    said = {name: value for name, value in (raw.pop("text", None) or {}).items() if value != {"type": "text"}}
    if said:
        raw["text"] = said
    return raw


_SAME: dict[str, Callable[[Any], Any]] = {
    "openai_chat": _same_chat,
    "completions": _same_completion,
    "gemini": _same_gemini,
    "bedrock": _same_converse,
    "openai_responses": _same_responses,
    "anthropic_messages": _same_messages,
}


def _plain(value: Any) -> Any:
    """Empty lists and the type of a message say nothing. A string in place of content or instructions means one text part; null, false `stream` mean nothing."""
    if isinstance(value, dict):
        out = {}
        for key, inner in value.items():
            empty = key in ("include", "tools") and inner == []
            if inner is None or empty or (key in ("stream", "is_error") and inner is False):
                continue
            if key == "input" and isinstance(inner, str) and "messages" not in value:
                out[key] = _plain([{"role": "user", "content": inner}])
            elif key == "type" and inner == "message" and "role" in value:
                continue
            elif key == "type" and inner in ("input_text", "output_text"):
                out[key] = "text"
            elif key in ("content", "system") and isinstance(inner, str):
                out[key] = [{"type": "text", "text": inner}]
            elif key == "arguments" and isinstance(inner, str):
                out[key] = _plain(arguments(inner))
            else:
                out[key] = _plain(inner)
        return out
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _differences(said: Any, ours: Any, path: str) -> Iterator[str]:
    if isinstance(said, dict) and isinstance(ours, dict):
        for key in sorted(said.keys() | ours.keys()):
            where = f"{path}.{key}" if path else key
            if key not in ours:
                yield f"{where}: lost {_short(said[key])}"
            elif key not in said:
                yield f"{where}: added {_short(ours[key])}"
            else:
                yield from _differences(said[key], ours[key], where)
    elif isinstance(said, list) and isinstance(ours, list) and len(said) == len(ours):
        for i, (a, b) in enumerate(zip(said, ours, strict=True)):
            yield from _differences(a, b, f"{path}[{i}]")
    elif said != ours:
        yield f"{path}: {_short(ours)} for {_short(said)}"
