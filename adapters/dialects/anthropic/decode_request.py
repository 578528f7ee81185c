"""Anthropic Messages: a client's body → canonical request."""

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
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from adapters.dialects.anthropic.tools import client_tool, with_examples
from adapters.dialects.shared import signatures, strict
from adapters.dialects.shared.strict import below, wrong
from adapters.errors import Inexpressible, InvalidRequest
from adapters.portable.retold import retold

NAME = "anthropic_messages"

_KNOWN = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "service_tier",
        "metadata",
    }
)
_TOOL_KEYS = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
# How a tool's arguments are streamed doesn't change what the tool is.
_TOOL_HINTS = frozenset({"eager_input_streaming"})


def decode_request(body: Json) -> Request:
    return _decode(body, counting=False)


def decode_count_request(body: Json) -> Request:
    """Decodes `POST /v1/messages/count_tokens`, which has no max_tokens."""
    return _decode(body, counting=True)


def _decode(body: Json, *, counting: bool) -> Request:
    strict.mapping(body, "")
    extras = strict.others(body, _KNOWN)
    max_tokens = strict.maybe_count(body, "max_tokens", least=0 if counting else 1)
    if max_tokens is None and not counting:
        raise wrong("max_tokens", "an integer", None)
    choice, parallel = _tool_choice(body)
    output_format, effort = _output(body, extras)
    metadata = strict.maybe_mapping(body, "metadata") or {}
    tier = strict.maybe_text(body, "service_tier")
    stream = strict.maybe_flag(body, "stream") or False
    return Request(
        model=strict.text(body, "model"),
        messages=(
            *_system(body.get("system"), "system"),
            *_messages(strict.listed(body.get("messages"), "messages")),
        ),
        tools=tuple(
            _tool(strict.mapping(raw, path), path)
            for number, raw in enumerate(strict.maybe_list(body, "tools"))
            for path in (f"tools[{number}]",)
        ),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=max_tokens,
        temperature=strict.maybe_number(body, "temperature", least=0, most=1),
        top_p=strict.maybe_number(body, "top_p", least=0, most=1),
        top_k=strict.maybe_count(body, "top_k"),
        stop=strict.texts(body, "stop_sequences"),
        output_format=output_format,
        thinking=_thinking(body, effort, extras),
        service_tier="default" if tier == "standard_only" else tier,
        user=strict.maybe_text(metadata, "user_id", "metadata"),
        stream=stream,
        include_usage=True,
        extras=extras,
        dialect=NAME,
    )


# --- messages ----------------------------------------------------------------------------------------


def _system(raw: Any, path: str) -> tuple[Message, ...]:
    if not raw:
        return ()
    return (Message("system", _plain_parts(raw, path)),)


def _plain_parts(raw: Any, path: str) -> tuple[Part, ...]:
    if isinstance(raw, str):
        return (Text(raw),)
    parts: list[Part] = []
    for number, block in enumerate(strict.listed(raw, path)):
        part = _part(strict.mapping(block, below(path, number)), below(path, number))
        signatures.add(parts, part)
    return tuple(parts)


def _messages(raw: list[Any]) -> list[Message]:
    if not raw:
        raise InvalidRequest("messages: at least one message is required", "messages")
    messages: list[Message] = []
    for number, value in enumerate(raw):
        path = f"messages[{number}]"
        turn = strict.mapping(value, path)
        role = turn.get("role")
        if role not in ("user", "assistant", "system"):  # no set: it may be a list
            raise InvalidRequest(f'{path}.role: must be "user" or "assistant"', f"{path}.role")
        parts = _plain_parts(turn.get("content"), f"{path}.content")
        if role == "user":
            messages += _user_turns(parts)
        else:
            messages.append(Message(role, parts))
    return messages


def _user_turns(parts: tuple[Part, ...]) -> list[Message]:
    """Splits tool results from the user's own words, as the other dialects do."""
    turns = [Message("tool", (part,)) for part in parts if isinstance(part, ToolResult)]
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    return [*turns, Message("user", rest)] if rest or not turns else turns


def _part(block: Json, path: str) -> Part:
    kind = strict.text(block, "type", path)
    cache = strict.maybe_mapping(block, "cache_control", path)
    if kind == "text":
        return Text(
            strict.text(block, "text", path),
            cache,
            tuple(annotation(raw) for raw in strict.maybe_list(block, "citations", path)),
        )
    if kind == "image" and block.keys() <= {"type", "source", "cache_control"}:
        return _media("image", block, cache, path)
    if kind == "document" and block.keys() <= {"type", "source", "cache_control", "title"}:
        source = strict.mapping(block.get("source"), f"{path}.source")
        if source.get("type") == "content":
            return Opaque(NAME, block)
        return _media("file", block, cache, path)
    if kind == "tool_use" and not block.get("toolset_name"):
        call_input = strict.mapping(block.get("input"), f"{path}.input")
        return ToolCall(
            strict.text(block, "id", path), strict.text(block, "name", path), strict.object_text(call_input)
        )
    if kind == "tool_result":
        return _tool_result(block, cache, path)
    if kind == "thinking":
        return Reasoning(
            strict.text(block, "thinking", path),
            signature=signatures.tagged(signatures.ANTHROPIC, strict.maybe_text(block, "signature", path)),
        )
    if kind == "redacted_thinking":
        return Reasoning(redacted=signatures.tagged(signatures.ANTHROPIC, strict.text(block, "data", path)))
    # Blocks of tools that Anthropic runs, and whatever its next beta brings: its models take them as they are.
    return Opaque(NAME, block)


def _media(kind: Any, block: Json, cache: Json | None, path: str) -> Media:
    source = strict.mapping(block.get("source"), f"{path}.source")
    path = f"{path}.source"
    name = strict.maybe_text(block, "title", path)
    match source.get("type"):
        case "base64":
            return Media(
                kind,
                data=strict.text(source, "data", path),
                media_type=strict.text(source, "media_type", path),
                name=name,
                cache=cache,
            )
        case "url":
            return Media(kind, url=strict.text(source, "url", path), name=name, cache=cache)
        case "file":
            return Media(kind, file_id=strict.text(source, "file_id", path), name=name, cache=cache)
        case "text" if kind == "file":
            plain = strict.plain_to_base64(strict.text(source, "data", path))
            return Media(kind, data=plain, media_type="text/plain", name=name, cache=cache)
        case other:
            raise InvalidRequest(f"{path}.type: unknown source {other!r}", f"{path}.type")


def _tool_result(block: Json, cache: Json | None, path: str) -> ToolResult | Opaque:
    content: list[Text | Media] = []
    raw = block.get("content")
    own = None
    for part in () if raw is None else _plain_parts(raw, f"{path}.content"):
        if isinstance(part, Opaque):
            own = block
            try:
                content += [piece for piece in retold(part) if isinstance(piece, Text | Media)]
            except Inexpressible:
                return Opaque(NAME, block)
            continue
        if not isinstance(part, Text | Media):
            raise InvalidRequest(
                f"{path}.content: a tool result holds text, images and documents", f"{path}.content"
            )
        content.append(part)
    return ToolResult(
        strict.text(block, "tool_use_id", path),
        tuple(content),
        is_error=strict.maybe_flag(block, "is_error", path) or False,
        cache=cache,
        raw=own,
    )


def annotation(citation: Any, start: int = 0, end: int = 0) -> Json:
    """Returns a citation as an OpenAI annotation where it points to the web, and as it is where it points into
    a document of the request. `start` and `end` are the cited span in characters of the whole answer.
    """
    if not isinstance(citation, dict) or citation.get("type") != "web_search_result_location":
        return {"type": "citation", "citation": citation}
    rest = {key: value for key, value in citation.items() if key != "type" and value is not None}
    return {"type": "url_citation", "url_citation": {**rest, "start_index": start, "end_index": end}}


# --- everything else ---------------------------------------------------------------------------------


def _tool(raw: Json, path: str) -> Tool | BuiltinTool:
    kind = raw.get("type")
    if kind not in (None, "custom"):
        own = client_tool(raw)
        return BuiltinTool(NAME, raw) if own is None else own
    schema = raw.get("input_schema")
    more = raw.keys() - _TOOL_KEYS - _TOOL_HINTS
    description = strict.maybe_text(raw, "description", path)
    if "input_examples" in more:
        description = with_examples(description, strict.maybe_list(raw, "input_examples", path))
    return Tool(
        name=strict.text(raw, "name", path),
        description=description,
        parameters=strict.mapping(schema, f"{path}.input_schema"),
        strict=strict.maybe_flag(raw, "strict", path),
        cache=strict.maybe_mapping(raw, "cache_control", path),
        raw=raw if more else None,
    )


def _tool_choice(body: Json) -> tuple[ToolChoice | None, bool | None]:
    raw = strict.maybe_mapping(body, "tool_choice")
    if raw is None:
        return None, None
    serial = strict.maybe_flag(raw, "disable_parallel_tool_use", "tool_choice")
    parallel = None if serial is None else not serial
    match raw.get("type"):
        case "auto":
            return ToolChoice("auto"), parallel
        case "any":
            return ToolChoice("required"), parallel
        case "none":
            return ToolChoice("none"), parallel
        case "tool":
            return ToolChoice("one", strict.text(raw, "name", "tool_choice")), parallel
        case other:
            raise InvalidRequest(f"tool_choice.type: unknown choice {other!r}", "tool_choice.type")


def _output(body: Json, extras: Json) -> tuple[OutputFormat | None, str | None]:
    """Reads output_config, and the beta's output_format that it replaced; unknown settings go to `extras`."""
    config = strict.maybe_mapping(body, "output_config") or {}
    unknown = strict.others(config, frozenset({"format", "effort"}))
    if unknown:
        extras["output_config"] = unknown
    path = "output_config.format" if config.get("format") else "output_format"
    wanted = config.get("format") or body.get("output_format")
    output_format = None
    if wanted is not None:
        raw = strict.mapping(wanted, path)
        if raw.get("type") != "json_schema":
            raise InvalidRequest(f'{path}.type: must be "json_schema"', f"{path}.type")
        output_format = OutputFormat(
            "json_schema", schema=strict.mapping(raw.get("schema"), f"{path}.schema")
        )
    return output_format, strict.maybe_text(config, "effort", "output_config")


def _thinking(body: Json, effort: str | None, extras: Json) -> Thinking | None:
    """Effort without thinking is a setting of its own here: `Thinking(enabled=False, effort=…)`."""
    raw = strict.maybe_mapping(body, "thinking")
    if raw is None:
        return None if effort is None else Thinking(enabled=False, effort=effort)
    summary = strict.maybe_text(raw, "display", "thinking")
    match raw.get("type"):
        case "enabled":
            budget = strict.maybe_count(raw, "budget_tokens", "thinking", least=1)
            if budget is None:
                raise wrong("thinking.budget_tokens", "an integer", None)
            return Thinking(budget_tokens=budget, effort=effort, summary=summary)
        case "adaptive":
            return Thinking(effort=effort, summary=summary)
        case "disabled":
            return Thinking(enabled=False, effort=effort)
        case "between_tools":
            extras["thinking"] = raw
            return None if effort is None else Thinking(enabled=False, effort=effort)
        case other:
            raise InvalidRequest(f"thinking.type: unknown kind {other!r}", "thinking.type")
