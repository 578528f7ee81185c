"""Gemini: a client's body → canonical request. Both spellings of a name are read, as the API does.

The path's model and streaming are expected in the body as `model` and `stream`.
"""

from __future__ import annotations

import re
from dataclasses import replace
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
from adapters.dialects.gemini.encode_request import NAME, UNNAMED
from adapters.dialects.gemini.schemas import json_schema
from adapters.dialects.shared import signatures, strict
from adapters.errors import InvalidRequest

_KNOWN = frozenset(
    {"model", "stream", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig"}
)
_CONFIG = frozenset(
    [
        "maxOutputTokens",
        "temperature",
        "topP",
        "topK",
        "stopSequences",
        "seed",
        "candidateCount",
        "presencePenalty",
        "frequencyPenalty",
        "responseLogprobs",
        "logprobs",
        "thinkingConfig",
        "responseMimeType",
        "responseJsonSchema",
        "responseSchema",
    ]
)
_UPLOADED = ("gs://", "https://generativelanguage.googleapis.com/")
"""Begins the addresses of files that only Google reads."""

_SNAKE = re.compile(r"_([a-z])")


def _camel(raw: Json) -> Json:
    """Returns `raw` with its own names (not those within it) in camel case."""
    return {_SNAKE.sub(lambda match: match[1].upper(), key): value for key, value in raw.items()}


def decode_request(body: Json) -> Request:
    body = _camel(strict.mapping(body, ""))
    extras = strict.others(body, _KNOWN)
    config = _camel(strict.maybe_mapping(body, "generationConfig") or {})
    if rest := strict.others(config, _CONFIG):
        extras["generationConfig"] = rest
    path = "generationConfig"
    system = strict.maybe_mapping(body, "systemInstruction")
    parts = () if system is None else _Turns().parts(system, "systemInstruction")
    turns = _Turns()
    for number, raw in enumerate(strict.listed(body.get("contents"), "contents")):
        turns.add(strict.mapping(raw, f"contents[{number}]"), f"contents[{number}]")
    schema = config.get("responseJsonSchema") or json_schema(config.get("responseSchema"))
    wants_json = config.get("responseMimeType") == "application/json"
    return Request(
        model=strict.text(body, "model"),
        messages=(*([Message("system", parts)] if parts else ()), *turns.messages),
        tools=tuple(_tools(strict.maybe_list(body, "tools"))),
        tool_choice=_tool_choice(body, extras),
        max_tokens=strict.maybe_count(config, "maxOutputTokens", path, least=1),
        temperature=strict.maybe_number(config, "temperature", path, least=0, most=2),
        top_p=strict.maybe_number(config, "topP", path, least=0, most=1),
        top_k=strict.maybe_count(config, "topK", path),
        stop=strict.texts(config, "stopSequences", path),
        seed=strict.maybe_count(config, "seed", path, least=-(2**31)),
        n=strict.maybe_count(config, "candidateCount", path, least=1),
        presence_penalty=strict.maybe_number(config, "presencePenalty", path, least=-2, most=2),
        frequency_penalty=strict.maybe_number(config, "frequencyPenalty", path, least=-2, most=2),
        logprobs=strict.maybe_flag(config, "responseLogprobs", path),
        top_logprobs=strict.maybe_count(config, "logprobs", path),
        output_format=OutputFormat("json_schema" if schema else "json_object", schema=schema)
        if wants_json
        else None,
        thinking=_thinking(config),
        stream=strict.maybe_flag(body, "stream") or False,
        include_usage=True,
        extras=extras,
        dialect=NAME,
    )


class _Turns:
    """Contents in order; results find their calls by name, as calls needn't have ids here."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._calls = 0
        self._open: list[tuple[str, str]] = []

    def add(self, raw: Json, path: str) -> None:
        parts = self.parts(raw, path)
        if raw.get("role") == "model":
            self.messages.append(Message("assistant", parts))
            return
        results = [part for part in parts if isinstance(part, ToolResult)]
        rest = tuple(part for part in parts if not isinstance(part, ToolResult))
        self.messages += [Message("tool", (result,)) for result in results]
        if rest or not results:
            self.messages.append(Message("user", rest))

    def parts(self, raw: Json, path: str) -> tuple[Part, ...]:
        listed = strict.listed(raw.get("parts"), f"{path}.parts")
        groups = [
            self._part(_camel(strict.mapping(part, path)), f"{path}.parts[{n}]")
            for n, part in enumerate(listed)
        ]
        return tuple(part for pair in groups for part in pair)

    def _part(self, raw: Json, path: str) -> list[Part]:
        seal = signatures.tagged(signatures.GEMINI, raw.get("thoughtSignature"))
        if "text" in raw:
            text = strict.text(raw, "text", path)
            if raw.get("thought"):
                return [Reasoning(text, seal)]
            spoken: list[Part] = [Text(text)] if text or not seal else []
            return [*spoken, Reasoning(signature=seal)] if seal else spoken
        if "functionCall" in raw:
            call = strict.mapping(raw["functionCall"], f"{path}.functionCall")
            call_id, name = call.get("id") or f"{UNNAMED}{self._calls}", strict.text(call, "name", path)
            self._calls += 1
            self._open.append((name, call_id))
            return [ToolCall(call_id, name, strict.object_text(call.get("args")), seal)]
        if "functionResponse" in raw:
            response = strict.mapping(raw["functionResponse"], path)
            if response.keys() <= {"id", "name", "response"}:
                return [self._result(response, path)]
            shown = self._shown(response, path)
            if shown is None:
                return [Opaque(NAME, raw)]  # results that come in pieces, and what comes next
            return [replace(self._result(response, path), raw=raw, content=shown)]
        if raw.keys() <= {"inlineData", "fileData", "thoughtSignature"} and raw.keys() & {
            "inlineData",
            "fileData",
        }:
            return [_media(raw, path)]
        if not raw:
            raise InvalidRequest(f"{path}: an empty part", path)
        return [Opaque(NAME, raw)]  # code that Google ran, calls of its own tools, and what comes next

    def _shown(self, raw: Json, path: str) -> tuple[Text | Media, ...] | None:
        """Returns a result with what it shows; None where it holds anything else."""
        if raw.keys() - {"id", "name", "response", "parts"}:
            return None
        shown = self.parts(raw, path)
        media = tuple(part for part in shown if isinstance(part, Media))
        if len(media) != len(shown):
            return None
        text = strict.object_text(strict.maybe_mapping(raw, "response", path) or {})
        return (Text(text), *media)

    def _result(self, raw: Json, path: str) -> ToolResult:
        name = strict.text(raw, "name", path)
        response = strict.maybe_mapping(raw, "response", path) or {}
        slot = next((slot for slot in self._open if slot[0] == name), None)
        if slot is not None:
            self._open.remove(slot)
        call_id = raw.get("id") or (slot[1] if slot else name)
        key = "error" if response.keys() == {"error"} else "output"
        plain = response.get(key) if response.keys() == {key} else None
        text = plain if isinstance(plain, str) else strict.object_text(response)
        return ToolResult(call_id, (Text(text),), is_error=key == "error", name=name)


def _media(raw: Json, path: str) -> Media:
    source = _camel(strict.mapping(raw.get("inlineData") or raw.get("fileData"), path))
    media_type = strict.maybe_text(source, "mimeType", path)
    head = (media_type or "").partition("/")[0]
    kind: Any = head if head in {"image", "audio", "video"} else "file"
    if "inlineData" in raw:
        return Media(kind, data=strict.text(source, "data", path), media_type=media_type)
    uri = strict.text(source, "fileUri", path)
    if uri.startswith(_UPLOADED):
        return Media(kind, file_id=uri, media_type=media_type)
    return Media(kind, url=uri, media_type=media_type)


def _tools(raw: list[Any]) -> list[Tool | BuiltinTool]:
    tools: list[Tool | BuiltinTool] = []
    for number, value in enumerate(raw):
        path = f"tools[{number}]"
        group = _camel(strict.mapping(value, path))
        for declared in strict.maybe_list(group, "functionDeclarations", path):
            tool = _camel(strict.mapping(declared, path))
            schema = tool.get("parametersJsonSchema") or json_schema(tool.get("parameters"))
            description = strict.maybe_text(tool, "description", path)
            tools.append(Tool(strict.text(tool, "name", path), description, schema))
        if rest := {key: value for key, value in group.items() if key != "functionDeclarations"}:
            tools.append(BuiltinTool(NAME, rest))
    return tools


def _tool_choice(body: Json, extras: Json) -> ToolChoice | None:
    config = _camel(strict.maybe_mapping(body, "toolConfig") or {})
    calling = _camel(config.pop("functionCallingConfig", None) or {})
    if config:
        extras["toolConfig"] = config
    names = calling.get("allowedFunctionNames") or []
    match calling.get("mode"):
        case None:
            return None
        case "AUTO":
            return ToolChoice("auto")
        case "NONE":
            return ToolChoice("none")
        case "ANY" if len(names) <= 1:
            return ToolChoice("one", names[0]) if names else ToolChoice("required")
        case _:
            extras["toolConfig"] = {**config, "functionCallingConfig": calling}
            return None


def _thinking(config: Json) -> Thinking | None:
    raw = _camel(strict.maybe_mapping(config, "thinkingConfig", "generationConfig") or {})
    if not raw:
        return None
    budget, level = raw.get("thinkingBudget"), raw.get("thinkingLevel")
    summary = None if raw.get("includeThoughts", budget != 0) else "omitted"
    if budget == 0:
        return Thinking(enabled=False)
    return Thinking(
        effort=level.lower() if isinstance(level, str) else None, budget_tokens=budget, summary=summary
    )
