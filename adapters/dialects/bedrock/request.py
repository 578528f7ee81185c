"""Bedrock Converse: body ↔ canonical request. The path's model and streaming stand in a client's body as
`model` and `stream`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from adapters import lenient_json
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
    ToolCall,
    ToolChoice,
    ToolResult,
    system_parts,
)
from adapters.dialects.shared import signatures, strict
from adapters.errors import Inexpressible, InvalidRequest

NAME = "bedrock"
_KNOWN = frozenset({"model", "stream", "messages", "system", "inferenceConfig", "toolConfig", "outputConfig"})
_NOTHING = "(no output)"
"""The least that a result may say: its blocks may not be blank."""

_MIME = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "html": "text/html",
    "csv": "text/csv",
    "md": "text/markdown",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMAT = {mime: word for word, mime in _MIME.items()}
# Claude's least budget, and what an effort word is worth on it.
_BUDGET = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 24_576, "xhigh": 24_576, "max": 24_576}


# --- towards a server --------------------------------------------------------------------------------


def encode_request(request: Request) -> Json:
    tier = request.service_tier
    strict.refuse(
        {
            "n": (request.n or 1) > 1,
            "seed": request.seed is not None,
            "presence_penalty": request.presence_penalty,
            "frequency_penalty": request.frequency_penalty,
            "logit_bias": request.logit_bias,
            "logprobs": request.logprobs,
            "top_logprobs": request.top_logprobs,
            "parallel_tool_calls": request.parallel_tool_calls is False,
            f"service_tier {tier}": tier not in {None, "auto", "default"},
        }
    )
    body: Json = dict(strict.extras_for(request, NAME))
    if system := system_parts(request):
        body["system"] = [raw for part in system for raw in _block(part)]
    turns: list[Json] = []
    after_tools = False
    for message in request.messages:
        if message.role in {"system", "developer"}:
            continue
        role = "assistant" if message.role == "assistant" else "user"
        content = [raw for part in message.parts for raw in _block(part)]
        if after_tools and role == "user":
            turns[-1]["content"] += content
        elif content:
            turns.append({"role": role, "content": content})
        after_tools = message.role == "tool"
    if request.dialect != NAME:
        _title_documents(turns)
    body["messages"] = turns
    config = {
        "maxTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "stopSequences": list(request.stop) or None,
    }
    if set_ones := {key: value for key, value in config.items() if value is not None}:
        body["inferenceConfig"] = set_ones
    _tool_config(body, request)
    _model_fields(body, request)
    if request.output_format is not None:
        wanted = request.output_format
        if wanted.schema is None:
            raise Inexpressible("JSON output without a schema")
        schema = {"schema": orjson.dumps(wanted.schema).decode(), "name": wanted.name or "answer"}
        if wanted.description is not None:
            schema["description"] = wanted.description
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    return body


# DocumentBlock.name: letters, digits, single spaces, hyphens, parentheses and brackets, and no two of one name.
_UNTITLED = re.compile(r"[^A-Za-z0-9\-()\[\]]+")
_BESIDE = {"text": "The documents are attached."}
"""A document wants a text beside it."""


def _title_documents(turns: list[Json]) -> None:
    titles: set[str] = set()
    for turn in turns:
        documents = [
            block["document"] for block in turn["content"] if isinstance(block.get("document"), dict)
        ]
        for document in documents:
            given = document.get("name")
            title = _UNTITLED.sub(" ", given if isinstance(given, str) else "").strip() or "document"
            number = 1
            while (name := title if number == 1 else f"{title} {number}") in titles:
                number += 1
            titles.add(name)
            document["name"] = name
        if documents and not any("text" in block for block in turn["content"]):
            turn["content"].append(_BESIDE)


def _model_fields(body: Json, request: Request) -> None:
    """What only some models know has no common name; these are Claude's."""
    more: Json = {}
    if request.top_k is not None:
        more["top_k"] = request.top_k
    thinking = request.thinking
    if thinking is not None and thinking.enabled:
        if "claude" not in request.model:
            raise Inexpressible("reasoning")
        budget = thinking.budget_tokens or _BUDGET.get(thinking.effort or "medium", 8_192)
        more["thinking"] = {"type": "enabled", "budget_tokens": budget}
    if more:
        if "claude" not in request.model:
            raise Inexpressible("top_k")
        body["additionalModelRequestFields"] = {**body.get("additionalModelRequestFields", {}), **more}


def _tool_config(body: Json, request: Request) -> None:
    tools: list[Json] = []
    for tool in request.tools:
        if isinstance(tool, BuiltinTool):
            if tool.dialect != NAME:
                raise Inexpressible(f"the built-in tool {tool.raw.get('type', '')}")
            tools.append(tool.raw)
            continue
        schema = {"json": tool.parameters or {"type": "object", "properties": {}}}
        spec: Json = {"name": tool.name, "inputSchema": schema}
        if tool.description:
            spec["description"] = tool.description
        if tool.strict is not None:
            spec["strict"] = tool.strict
        tools.append({"toolSpec": spec})
        if tool.cache is not None:
            tools.append(_cache_point(tool.cache))
    if tools:
        body["toolConfig"] = {"tools": tools}
    choice = request.tool_choice
    if choice is not None and tools:
        if choice.mode == "none":
            raise Inexpressible("tool_choice none")
        raw: Json = {"tool": {"name": choice.name}} if choice.mode == "one" else {}
        body["toolConfig"]["toolChoice"] = raw or {"auto" if choice.mode == "auto" else "any": {}}


def _cache_point(mark: Json) -> Json:
    """Both APIs mean five minutes where no time is given."""
    ttl = mark.get("ttl")
    return {"cachePoint": {"type": "default"} if ttl in (None, "5m") else {"type": "default", "ttl": ttl}}


def _cache_mark(raw: Json) -> Json | None:
    """Returns the mark that a cache point is, None for every other block."""
    point = raw.get("cachePoint")
    if len(raw) != 1 or not isinstance(point, dict) or point.get("type") != "default":
        return None
    more = {name: value for name, value in point.items() if name != "type"}
    return {"type": "ephemeral", **more} if more.keys() <= {"ttl"} else None


def _block(part: Part) -> Iterable[Json]:
    match part:
        case Text() | RefusalText():
            yield {"text": part.text}
        case Media():
            yield _media(part)
        case ToolCall():
            arguments = strict.parsed_arguments(part.arguments)
            yield {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments}}
        case ToolResult():
            result: Json = {
                "toolUseId": part.call_id,
                "content": [raw for piece in part.content for raw in _block(piece)] or [{"text": _NOTHING}],
            }
            if part.is_error:
                result["status"] = "error"
            yield {"toolResult": result}
        case Reasoning():
            if redacted := signatures.own(signatures.ANTHROPIC, part.redacted):
                yield {"reasoningContent": {"redactedContent": redacted}}
            elif seal := signatures.own(signatures.ANTHROPIC, part.signature):
                yield {"reasoningContent": {"reasoningText": {"text": part.text, "signature": seal}}}
        case Opaque():
            if part.dialect != NAME:
                raise Inexpressible(f"content of {part.dialect}")
            yield part.raw
    if isinstance(part, Text | Media | ToolResult) and part.cache is not None:
        yield _cache_point(part.cache)


def _media(part: Media) -> Json:
    if part.data is None:
        raise Inexpressible(f"{part.kind} by URL")
    head, _, kind = (part.media_type or "").partition("/")
    source = {"bytes": part.data}
    if part.kind in {"image", "video"} and head in {"image", "video"}:
        return {part.kind: {"format": kind, "source": source}}
    if part.kind == "file" and part.media_type in _FORMAT:
        return {
            "document": {
                "format": _FORMAT[part.media_type],
                "name": part.name or "document",
                "source": source,
            }
        }
    raise Inexpressible(f"{part.kind} of type {part.media_type}")


# --- from a client -----------------------------------------------------------------------------------


def decode_request(body: Json) -> Request:
    strict.mapping(body, "")
    config = strict.maybe_mapping(body, "inferenceConfig") or {}
    path = "inferenceConfig"
    messages: list[Message] = []
    system = _parts(strict.maybe_list(body, "system"), "system")
    if system:
        messages.append(Message("system", system))
    for number, raw in enumerate(strict.listed(body.get("messages"), "messages")):
        messages += _turn(strict.mapping(raw, f"messages[{number}]"), f"messages[{number}]")
    tool_config = strict.maybe_mapping(body, "toolConfig") or {}
    extras = strict.others(body, _KNOWN)
    thinking, top_k = _read_model_fields(extras)
    return Request(
        model=strict.text(body, "model"),
        messages=tuple(messages),
        tools=tuple(_tools(strict.maybe_list(tool_config, "tools", "toolConfig"))),
        tool_choice=_tool_choice(strict.maybe_mapping(tool_config, "toolChoice", "toolConfig")),
        max_tokens=strict.maybe_count(config, "maxTokens", path, least=1),
        temperature=strict.maybe_number(config, "temperature", path, least=0, most=1),
        top_p=strict.maybe_number(config, "topP", path, least=0, most=1),
        top_k=top_k,
        stop=strict.texts(config, "stopSequences", path),
        output_format=_output_format(body),
        thinking=thinking,
        stream=strict.maybe_flag(body, "stream") or False,
        include_usage=True,
        extras=extras,
        dialect=NAME,
    )


def _read_model_fields(extras: Json) -> tuple[Thinking | None, int | None]:
    more = dict(extras.get("additionalModelRequestFields") or {})
    if not more:
        return None, None
    thinking, top_k = more.get("thinking"), more.pop("top_k", None)
    wanted: Thinking | None = None
    if isinstance(thinking, dict) and thinking.get("type") == "enabled":
        del more["thinking"]
        wanted = Thinking(budget_tokens=thinking.get("budget_tokens"))
    if more:
        extras["additionalModelRequestFields"] = more
    else:
        del extras["additionalModelRequestFields"]
    return wanted, top_k


def _turn(raw: Json, path: str) -> list[Message]:
    parts = _parts(strict.listed(raw.get("content"), f"{path}.content"), f"{path}.content")
    match raw.get("role"):
        case "assistant":
            return [Message("assistant", parts)]
        case "user":
            results = [Message("tool", (part,)) for part in parts if isinstance(part, ToolResult)]
            rest = tuple(part for part in parts if not isinstance(part, ToolResult))
            return [*results, Message("user", rest)] if rest or not results else results
        case role:
            raise InvalidRequest(f"{path}.role: unknown role {role!r}", f"{path}.role")


def _parts(raw: list[Any], path: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    for number, block in enumerate(raw):
        strict.mapping(block, f"{path}[{number}]")
        last = parts[-1] if parts else None
        mark = _cache_mark(block)
        if mark is not None and isinstance(last, Text | Media | ToolResult) and last.cache is None:
            parts[-1] = replace(last, cache=mark)
        else:
            parts.append(_part(block, f"{path}[{number}]"))
    return tuple(parts)


def _part(raw: Json, path: str) -> Part:
    match raw:
        case {"text": str(said)}:
            return Text(said)
        case {} if raw and raw.keys() <= {"image", "video"}:
            kind: Any = "image" if "image" in raw else "video"
            inner = strict.mapping(raw[kind], path)
            data = (inner.get("source") or {}).get("bytes")
            return (
                Media(kind, data=data, media_type=f"{kind}/{inner.get('format')}")
                if data
                else Opaque(NAME, raw)
            )
        case {"document": {"source": {"bytes": str(data)}, "format": word, "name": name}} if word in _MIME:
            return Media("file", data=data, media_type=_MIME[word], name=name)
        case {"toolUse": {"type": _}} | {"toolResult": {"type": _}}:
            return Opaque(NAME, raw)  # of a tool that Bedrock ran itself
        case {"toolUse": {"toolUseId": id_, "name": name, "input": given}}:
            return ToolCall(id_, name, strict.object_text(given))
        case {"toolResult": {"toolUseId": id_, "content": content} as told}:
            pieces = _result(content, path)
            if pieces is None:
                return Opaque(NAME, raw)
            return ToolResult(id_, pieces, is_error=told.get("status") == "error")
        case {"reasoningContent": {"reasoningText": {"text": str(said)} as thought}}:
            return Reasoning(said, signatures.tagged(signatures.ANTHROPIC, thought.get("signature")))
        case {"reasoningContent": {"redactedContent": data}}:
            return Reasoning(redacted=signatures.tagged(signatures.ANTHROPIC, data))
        case {} if raw:
            return Opaque(NAME, raw)
        case _:
            raise InvalidRequest(f"{path}: an empty content block", path)


def _result(raw: Any, path: str) -> tuple[Text | Media, ...] | None:
    """Returns None for a result that holds anything but text and inline media."""
    content: list[Text | Media] = []
    for block in strict.listed(raw, path):
        if "json" in block:
            content.append(Text(strict.object_text(block["json"])))
        elif isinstance(part := _part(block, path), Text | Media):
            content.append(part)
        else:
            return None
    return tuple(content)


def _tools(raw: list[Any]) -> list[Tool | BuiltinTool]:
    tools: list[Tool | BuiltinTool] = []
    for number, entry in enumerate(raw):
        path = f"toolConfig.tools[{number}]"
        last = tools[-1] if tools else None
        mark = _cache_mark(strict.mapping(entry, path))
        if mark is not None and isinstance(last, Tool) and last.cache is None:
            tools[-1] = replace(last, cache=mark)
            continue
        if "toolSpec" not in entry:
            tools.append(BuiltinTool(NAME, entry))
            continue
        spec = strict.mapping(entry["toolSpec"], path)
        schema = (spec.get("inputSchema") or {}).get("json")
        description = strict.maybe_text(spec, "description", path)
        tools.append(
            Tool(
                strict.text(spec, "name", path), description, schema, strict.maybe_flag(spec, "strict", path)
            )
        )
    return tools


def _tool_choice(raw: Json | None) -> ToolChoice | None:
    match raw:
        case None:
            return None
        case {"auto": _}:
            return ToolChoice("auto")
        case {"any": _}:
            return ToolChoice("required")
        case {"tool": {"name": str(name)}}:
            return ToolChoice("one", name)
        case _:
            raise InvalidRequest("toolConfig.toolChoice: unknown choice", "toolConfig.toolChoice")


def _output_format(body: Json) -> OutputFormat | None:
    match body.get("outputConfig"):
        case {"textFormat": {"structure": {"jsonSchema": {"schema": str(schema)} as wanted}}}:
            try:
                value = lenient_json.loads(schema)
                return OutputFormat(
                    "json_schema", wanted.get("name"), value, description=wanted.get("description")
                )
            except orjson.JSONDecodeError as error:
                raise InvalidRequest("outputConfig: the schema is no JSON", "outputConfig") from error
        case _:
            return None
