"""OpenAI Responses: a client's body → canonical request."""

from __future__ import annotations

from typing import Any

from adapters.canonical import (
    BuiltinTool,
    Json,
    Media,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Reasoning,
    RefusalText,
    Request,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from adapters.dialects.responses import tools as responses_tools
from adapters.dialects.shared import signatures, strict
from adapters.dialects.shared.data_urls import split_data_url
from adapters.dialects.shared.strict import below
from adapters.errors import InvalidRequest

NAME = "openai_responses"
LOGPROBS = "message.output_text.logprobs"

_KNOWN = frozenset(
    [
        "model",
        "input",
        "instructions",
        "max_output_tokens",
        "temperature",
        "top_p",
        "stream",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "reasoning",
        "service_tier",
        "user",
        "metadata",
        "prompt_cache_key",
        "top_logprobs",
        "include",
    ]
)
_STATE = frozenset({"previous_response_id", "prompt", "conversation"})
"""Fields that stand for a conversation which the vendor keeps."""

# These say what the API does anyway.
_DEFAULTS = {"truncation": "disabled", "background": False}


def decode_request(body: Json) -> Request:
    strict.mapping(body, "")
    extras = strict.others(body, _KNOWN)
    for key, value in _DEFAULTS.items():
        if extras.get(key) == value:
            del extras[key]
    include = strict.texts(body, "include")
    if rest := [name for name in include if name != LOGPROBS]:
        extras["include"] = rest
    instructions = strict.maybe_text(body, "instructions")
    system = () if not instructions else (Message("system", (Text(instructions),)),)
    tools: list[Tool | BuiltinTool] = []
    for number, raw in enumerate(strict.maybe_list(body, "tools")):
        path = f"tools[{number}]"
        tools += responses_tools.functions(strict.mapping(raw, path), path)
    messages = _input(body.get("input"), tools, has_state=not _STATE.isdisjoint(extras))
    return Request(
        model=strict.text(body, "model"),
        messages=(*system, *messages),
        tools=tuple(tools),
        tool_choice=_tool_choice(body.get("tool_choice"), extras),
        parallel_tool_calls=strict.maybe_flag(body, "parallel_tool_calls"),
        max_tokens=strict.maybe_count(body, "max_output_tokens", least=1),
        temperature=strict.maybe_number(body, "temperature", least=0, most=2),
        top_p=strict.maybe_number(body, "top_p", least=0, most=1),
        logprobs=True if LOGPROBS in include else None,
        top_logprobs=strict.maybe_count(body, "top_logprobs"),
        output_format=_output_format(body, extras),
        thinking=_thinking(body, extras),
        service_tier=strict.maybe_text(body, "service_tier"),
        user=strict.maybe_text(body, "user"),
        metadata=strict.maybe_mapping(body, "metadata") or None,
        cache_key=strict.maybe_text(body, "prompt_cache_key"),
        verbosity=strict.maybe_text(strict.maybe_mapping(body, "text") or {}, "verbosity", "text"),
        stream=strict.maybe_flag(body, "stream") or False,
        include_usage=True,
        extras=extras,
        dialect=NAME,
    )


def _input(raw: Any, tools: list[Tool | BuiltinTool], *, has_state: bool) -> list[Message]:
    if isinstance(raw, str):
        return [Message("user", (Text(raw),))]
    items = strict.listed([] if raw is None and has_state else raw, "input")
    if not items and not has_state:
        raise InvalidRequest("input: at least one item is required", "input")
    messages: list[Message] = []
    for number, value in enumerate(items):
        path = f"input[{number}]"
        item = strict.mapping(value, path)
        if item.get("type") == "tool_search_output":
            tools += [tool for tool in responses_tools.loaded(item, path) if tool not in tools]
        message = _item(item, path)
        # One turn of the model is a row of items here and one message elsewhere.
        if message.role == "assistant" and messages and messages[-1].role == "assistant":
            parts = list(messages[-1].parts)
            for part in message.parts:
                signatures.add(parts, part)
            messages[-1] = Message("assistant", tuple(parts))
        else:
            messages.append(message)
    return messages


def _item(raw: Json, path: str) -> Message:
    match raw.get("type", "message"):
        case "message":
            role = raw.get("role")
            if role not in ("user", "assistant", "system", "developer"):
                raise InvalidRequest(f"{path}.role: unknown role {role!r}", f"{path}.role")
            return Message(role, _content(raw.get("content"), f"{path}.content"))
        case "reasoning":
            return Message("assistant", (reasoning(raw),))
        case str():
            called = responses_tools.call(raw, path)
            if called is not None:
                return Message("assistant", (called,))
            answer = responses_tools.result(raw, path, _plain)
            if answer is not None:
                return Message("tool", (answer,))
            return Message("assistant", (Opaque(NAME, raw),))
        case _:
            raise InvalidRequest(f"{path}.type: must be a string", f"{path}.type")


def _plain(raw: Any, path: str) -> tuple[Part, ...]:
    return tuple(part for part in _content(raw, path) if isinstance(part, Text | Media))


def reasoning(raw: Json) -> Reasoning:
    """Decodes a reasoning item: its summary, or the open thoughts of models that show them."""
    entries = raw.get("summary") or raw.get("content")
    pieces = (
        [piece.get("text") for piece in entries if isinstance(piece, dict)]
        if isinstance(entries, list)
        else []
    )
    seal, item_id = raw.get("encrypted_content"), raw.get("id")
    return Reasoning(
        "".join(piece for piece in pieces if isinstance(piece, str)),
        signature=signatures.tagged(signatures.OPENAI, seal) if isinstance(seal, str) else None,
        id=item_id if isinstance(item_id, str) else None,
    )


def _content(raw: Any, path: str) -> tuple[Part, ...]:
    if isinstance(raw, str):
        return (Text(raw),)
    return tuple(
        _part(strict.mapping(value, below(path, number)), below(path, number))
        for number, value in enumerate(strict.listed(raw, path))
    )


def _part(raw: Json, path: str) -> Part:
    match raw.get("type"):
        case "input_text" | "output_text" | "text":
            return Text(
                strict.text(raw, "text", path),
                annotations=tuple(annotation(entry) for entry in strict.maybe_list(raw, "annotations", path)),
            )
        case "refusal":
            return RefusalText(strict.text(raw, "refusal", path))
        case "input_image":
            detail = strict.maybe_text(raw, "detail", path)
            return _media("image", raw, "image_url", path, detail=detail)
        case "input_file":
            name = strict.maybe_text(raw, "filename", path)
            key = "file_data" if raw.get("file_data") is not None else "file_url"
            return _media("file", raw, key, path, name=name)
        case "input_audio":
            audio = strict.mapping(raw.get("input_audio"), f"{path}.input_audio")
            kind = strict.text(audio, "format", f"{path}.input_audio")
            data = strict.text(audio, "data", f"{path}.input_audio")
            return Media("audio", data=data, media_type="audio/mpeg" if kind == "mp3" else f"audio/{kind}")
        case other:
            raise InvalidRequest(f"{path}.type: unknown content {other!r}", f"{path}.type")


def _media(
    kind: Any, raw: Json, key: str, path: str, *, detail: str | None = None, name: str | None = None
) -> Media:
    if raw.get("file_id") is not None:
        return Media(kind, file_id=strict.text(raw, "file_id", path), detail=detail, name=name)
    url = strict.text(raw, key, path)
    inline = split_data_url(url)
    if inline is not None:
        return Media(kind, data=inline[1], media_type=inline[0], detail=detail, name=name)
    if key == "file_data":
        return Media(kind, data=url, name=name)
    return Media(kind, url=url, detail=detail, name=name)


def annotation(raw: Any) -> Json:
    """Returns an annotation in the nested form of chat completions."""
    if isinstance(raw, dict) and raw.get("type") == "url_citation" and "url_citation" not in raw:
        inner = {key: value for key, value in raw.items() if key != "type"}
        return {"type": "url_citation", "url_citation": inner}
    return raw if isinstance(raw, dict) else {}


def _tool_choice(raw: Any, extras: Json) -> ToolChoice | None:
    match raw:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(raw)
        case {"type": "function", "name": str(name)}:
            return ToolChoice("one", name)
        case {"type": str()}:
            extras["tool_choice"] = raw
            return None
        case _:
            raise InvalidRequest("tool_choice: unknown choice", "tool_choice")


def _output_format(body: Json, extras: Json) -> OutputFormat | None:
    config = strict.maybe_mapping(body, "text") or {}
    if rest := strict.others(config, frozenset({"format", "verbosity"})):
        extras["text"] = rest
    raw = strict.maybe_mapping(config, "format", "text") or {"type": "text"}
    match raw.get("type"):
        case "text":
            return None
        case "json_object":
            return OutputFormat("json_object")
        case "json_schema":
            path = "text.format"
            return OutputFormat(
                "json_schema",
                strict.text(raw, "name", path),
                strict.mapping(raw.get("schema"), f"{path}.schema"),
                strict.maybe_flag(raw, "strict", path),
                strict.maybe_text(raw, "description", path),
            )
        case other:
            raise InvalidRequest(f"text.format.type: unknown format {other!r}", "text.format.type")


def _thinking(body: Json, extras: Json) -> Thinking | None:
    raw = strict.maybe_mapping(body, "reasoning")
    if not raw:
        return None
    if rest := strict.others(raw, frozenset({"effort", "summary"})):
        extras["reasoning"] = rest
    effort = strict.maybe_text(raw, "effort", "reasoning")
    summary = strict.maybe_text(raw, "summary", "reasoning")
    if effort is None and summary is None:
        return None
    return Thinking(enabled=effort != "none", effort=None if effort == "none" else effort, summary=summary)
