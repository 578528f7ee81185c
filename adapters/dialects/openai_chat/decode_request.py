"""OpenAI chat bodies → requests, strictly: what isn't understood is named."""

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
    ToolCall,
    ToolChoice,
    ToolResult,
)
from adapters.dialects.openai_shared.parts import audio_type, thoughts_of
from adapters.dialects.shared.data_urls import split_data_url
from adapters.dialects.shared.free_text import described, enclosed, free_text_schema
from adapters.dialects.shared.signatures import GEMINI, tagged
from adapters.dialects.shared.strict import (
    LARGEST,
    fail,
    listed,
    mapping,
    maybe_count,
    maybe_flag,
    maybe_mapping,
    maybe_number,
    maybe_text,
    optional,
    others,
    string,
)

NAME = "openai_chat"

_KNOWN = frozenset(
    (
        "model",
        "messages",
        "tools",
        "tool_choice",
        "functions",
        "function_call",
        "parallel_tool_calls",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "seed",
        "n",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "response_format",
        "reasoning_effort",
        "reasoning",
        "thinking",
        "enable_thinking",
        "thinking_budget",
        "service_tier",
        "user",
        "metadata",
        "prompt_cache_key",
        "stream",
        "stream_options",
        "verbosity",
    )
)
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def decode_request(body: Json) -> Request:
    """Raises InvalidRequest."""
    model = string(body.get("model"), "model", empty=False)
    raw_messages = listed(body.get("messages"), "messages")
    if not raw_messages:
        fail("messages must hold at least one message", "messages")
    messages = tuple(_message(raw, f"messages[{i}]") for i, raw in enumerate(raw_messages))
    _require_ids(messages)
    options = mapping(optional(body, "stream_options", {}), "stream_options")
    limit_field = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    extras = others(body, _KNOWN)
    choice = _tool_choice(body, extras)
    return Request(
        model=model,
        messages=messages,
        tools=_tools(body),
        tool_choice=choice,
        parallel_tool_calls=maybe_flag(body, "parallel_tool_calls"),
        max_tokens=maybe_count(body, limit_field, least=1),
        temperature=maybe_number(body, "temperature", least=0, most=2),
        top_p=maybe_number(body, "top_p", least=0, most=1),
        top_k=maybe_count(body, "top_k", least=-1),
        stop=_stop(body.get("stop")),
        seed=maybe_count(body, "seed", least=-LARGEST),
        n=maybe_count(body, "n", least=1, most=128),
        presence_penalty=maybe_number(body, "presence_penalty", least=-2, most=2),
        frequency_penalty=maybe_number(body, "frequency_penalty", least=-2, most=2),
        logit_bias=maybe_mapping(body, "logit_bias"),
        logprobs=maybe_flag(body, "logprobs"),
        top_logprobs=maybe_count(body, "top_logprobs", least=0, most=20),
        output_format=_output_format(body.get("response_format")),
        thinking=_thinking(body, extras),
        service_tier=maybe_text(body, "service_tier"),
        user=maybe_text(body, "user"),
        metadata=maybe_mapping(body, "metadata"),
        cache_key=maybe_text(body, "prompt_cache_key"),
        verbosity=maybe_text(body, "verbosity"),
        stream=maybe_flag(body, "stream") or False,
        include_usage=maybe_flag(options, "include_usage", "stream_options") or False,
        extras=extras,
        dialect=NAME,
    )


def _require_ids(messages: tuple[Message, ...]) -> None:
    """A result needs no id where its call had none."""
    open_calls = 0
    for i, message in enumerate(messages):
        for part in message.parts:
            if isinstance(part, ToolCall) and not part.id:
                open_calls += 1
            elif isinstance(part, ToolResult) and not part.call_id:
                if not open_calls:
                    string(None, f"messages[{i}].tool_call_id")
                open_calls -= 1


def _message(raw: Any, path: str) -> Message:
    message = mapping(raw, path)
    role = message.get("role")
    if role not in _ROLES:
        fail(f"{path}.role must be one of {', '.join(_ROLES)}", f"{path}.role")
    name = maybe_text(message, "name", path)
    if role == "tool":
        call_id = string(optional(message, "tool_call_id", ""), f"{path}.tool_call_id")
        content = _content(message.get("content"), f"{path}.content")
        return Message("tool", (_result(call_id, content, message, path, name),))
    if role == "function":
        called = string(message.get("name"), f"{path}.name", empty=False)
        content = _content(message.get("content"), f"{path}.content")
        return Message("tool", (_result(f"call_{called}", content, message, path, called),))
    if role == "assistant":
        return Message("assistant", _assistant(message, path), name)
    return Message(role, _content(message.get("content"), f"{path}.content"), name)


def _result(
    call_id: str, content: tuple[Part, ...], message: Json, path: str, name: str | None
) -> ToolResult:
    kept = tuple(part for part in content if isinstance(part, Text | Media))
    if len(kept) != len(content):
        fail(f"{path}.content of a tool holds text or media only", f"{path}.content")
    return ToolResult(call_id, kept, name=name, cache=message.get("cache_control"))


def _assistant(message: Json, path: str) -> tuple[Part, ...]:
    parts: list[Part] = [
        Reasoning(thought.text, thought.signature, thought.redacted, thought.id)
        for thought in thoughts_of(message)
    ]
    content = message.get("content")
    if content is not None and content != []:
        notes = tuple(note for note in message.get("annotations") or () if isinstance(note, dict))
        for part in _content(content, f"{path}.content"):
            if isinstance(part, Text) and notes:
                parts.append(Text(part.text, part.cache, notes))
                notes = ()
            elif not (isinstance(part, Text) and not part.text and content == ""):
                parts.append(part)
    if message.get("refusal") is not None:
        parts.append(RefusalText(string(message["refusal"], f"{path}.refusal")))
    audio = message.get("audio")
    if audio is not None:
        given = mapping(audio, f"{path}.audio")
        parts.append(Media("audio", file_id=string(given.get("id"), f"{path}.audio.id")))
    for i, raw in enumerate(listed(optional(message, "tool_calls", []), f"{path}.tool_calls")):
        parts.append(_tool_call(raw, f"{path}.tool_calls[{i}]"))
    if message.get("function_call") is not None:
        call = mapping(message["function_call"], f"{path}.function_call")
        called = string(call.get("name"), f"{path}.function_call.name", empty=False)
        arguments = string(call.get("arguments"), f"{path}.function_call.arguments")
        parts.append(ToolCall(f"call_{called}", called, arguments))
    return tuple(parts)


def _tool_call(raw: Any, path: str) -> ToolCall | Opaque:
    call = mapping(raw, path)
    if call.get("type") == "custom":
        custom = mapping(call.get("custom"), f"{path}.custom")
        return ToolCall(
            string(call.get("id"), f"{path}.id", empty=False),
            string(custom.get("name"), f"{path}.custom.name", empty=False),
            enclosed(string(custom.get("input", ""), f"{path}.custom.input")),
            raw=call,
        )
    if call.get("type", "function") != "function":
        return Opaque(NAME, call)
    function = mapping(call.get("function"), f"{path}.function")
    return ToolCall(
        string(optional(call, "id", ""), f"{path}.id"),  # some servers give none
        string(function.get("name"), f"{path}.function.name", empty=False),
        string(function.get("arguments", ""), f"{path}.function.arguments"),
        signature_of(call),
    )


def signature_of(call: Json) -> str | None:
    """Returns the thought signature that Gemini's OpenAI-compatible endpoint puts on a call."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return tagged(GEMINI, signature) if isinstance(signature, str) else None


def _content(raw: Any, path: str) -> tuple[Part, ...]:
    if isinstance(raw, str):
        return (Text(raw),)
    if not isinstance(raw, list):
        fail(f"{path} must be a string or a list of parts", path)
    return tuple(_part(part, f"{path}[{i}]") for i, part in enumerate(raw))


def _part(raw: Any, path: str) -> Part:
    part = mapping(raw, path)
    cache = part.get("cache_control")
    kind = part.get("type")
    match kind:
        case "text" | "input_text" | "output_text":
            return Text(string(part.get("text"), f"{path}.text"), cache)
        case "refusal":
            return RefusalText(string(part.get("refusal"), f"{path}.refusal"))
        case "image_url" | "video_url":
            given = part.get(kind)
            if isinstance(given, str):
                given = {"url": given}
            fields = mapping(given, f"{path}.{kind}")
            url = string(fields.get("url"), f"{path}.{kind}.url", empty=False)
            detail = fields.get("detail")
            inline = split_data_url(url)
            return Media(
                "image" if kind == "image_url" else "video",
                url=url if inline is None else None,
                data=None if inline is None else inline[1],
                media_type=None if inline is None else inline[0] or None,
                detail=None if detail is None else string(detail, f"{path}.{kind}.detail"),
                cache=cache,
            )
        case "input_audio":
            fields = mapping(part.get("input_audio"), f"{path}.input_audio")
            data = string(fields.get("data"), f"{path}.input_audio.data")
            form = string(fields.get("format", "wav"), f"{path}.input_audio.format")
            return Media("audio", data=data, media_type=audio_type(form), cache=cache)
        case "thinking":
            pieces = listed(part.get("thinking"), f"{path}.thinking")
            return Reasoning(
                "".join(str(piece.get("text", "")) for piece in pieces if isinstance(piece, dict))
            )
        case "document_url":
            url = string(part.get("document_url"), f"{path}.document_url", empty=False)
            return Media("file", url=url, name=maybe_text(part, "document_name"), cache=cache)
        case "file":
            return _file(mapping(part.get("file"), f"{path}.file"), f"{path}.file", cache)
    return fail(f"{path}.type {kind!r} is not known", f"{path}.type")


def _file(fields: Json, path: str, cache: Json | None) -> Media:
    name = maybe_text(fields, "filename", path)
    if fields.get("file_id") is not None:
        return Media("file", file_id=string(fields["file_id"], f"{path}.file_id"), name=name, cache=cache)
    given = string(fields.get("file_data"), f"{path}.file_data")
    inline = split_data_url(given)
    if inline is not None:
        return Media("file", data=inline[1], media_type=inline[0] or None, name=name, cache=cache)
    if given.startswith(("http://", "https://")):
        return Media("file", url=given, name=name, cache=cache)
    return Media("file", data=given, name=name, cache=cache)


def _tools(body: Json) -> tuple[Tool | BuiltinTool, ...]:
    tools: list[Tool | BuiltinTool] = []
    for i, raw in enumerate(listed(optional(body, "tools", []), "tools")):
        path = f"tools[{i}]"
        tool = mapping(raw, path)
        if tool.get("type") == "custom":
            tools.append(_custom(tool, f"{path}.custom"))
        elif tool.get("type", "function") != "function":
            tools.append(BuiltinTool(NAME, tool))
        else:
            cache = tool.get("cache_control")
            tools.append(
                _function(mapping(tool.get("function"), f"{path}.function"), f"{path}.function", cache)
            )
    for i, raw in enumerate(listed(optional(body, "functions", []), "functions")):
        tools.append(_function(mapping(raw, f"functions[{i}]"), f"functions[{i}]", None))
    return tuple(tools)


def _custom(raw: Json, path: str) -> Tool:
    """A tool that takes free text is a function elsewhere; see `free_text`."""
    custom = mapping(raw.get("custom"), path)
    form = None if custom.get("format") is None else mapping(custom["format"], f"{path}.format")
    return Tool(
        string(custom.get("name"), f"{path}.name", empty=False),
        described(maybe_text(custom, "description", path), form),
        free_text_schema(form),
        raw=raw,
    )


def _function(raw: Json, path: str, cache: Json | None) -> Tool:
    parameters = raw.get("parameters")
    return Tool(
        string(raw.get("name"), f"{path}.name", empty=False),
        maybe_text(raw, "description", path),
        None if parameters is None else mapping(parameters, f"{path}.parameters"),
        maybe_flag(raw, "strict", path),
        cache,
    )


def _tool_choice(body: Json, extras: Json) -> ToolChoice | None:
    raw = body.get("tool_choice")
    if raw is None:
        raw = body.get("function_call")
        if isinstance(raw, dict):
            raw = {"type": "function", "function": raw}
    match raw:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(raw)
        case "any":  # Mistral's word
            return ToolChoice("required")
        case {"function": {"name": str(name)}}:
            return ToolChoice("one", name)
        case {"type": str()}:
            extras["tool_choice"] = raw
            return None
    return fail('tool_choice must be "auto", "none", "required" or name a function', "tool_choice")


def _stop(raw: Any) -> tuple[str, ...]:
    if raw is None:
        return ()
    if isinstance(raw, str):
        return (raw,)
    return tuple(string(word, f"stop[{i}]") for i, word in enumerate(listed(raw, "stop")))


def _output_format(raw: Any) -> OutputFormat | None:
    if raw is None:
        return None
    form = mapping(raw, "response_format")
    match form.get("type"):
        case "text":
            return None
        case "json_object":
            return OutputFormat("json_object")
        case "json_schema":
            path = "response_format.json_schema"
            given = mapping(form.get("json_schema"), path)
            schema = given.get("schema")
            return OutputFormat(
                "json_schema",
                string(given.get("name"), f"{path}.name", empty=False),
                None if schema is None else mapping(schema, f"{path}.schema"),
                maybe_flag(given, "strict", path),
                None
                if given.get("description") is None
                else string(given["description"], f"{path}.description"),
            )
    return fail('response_format.type must be "text", "json_object" or "json_schema"', "response_format.type")


def _thinking(body: Json, extras: Json) -> Thinking | None:
    """OpenAI's effort word, OpenRouter's object, DeepSeek's and Alibaba's switches mean one thing."""
    effort = maybe_text(body, "reasoning_effort")
    budget = maybe_count(body, "thinking_budget", least=0)
    enabled = maybe_flag(body, "enable_thinking")
    summary: str | None = None
    given = optional(body, "reasoning", {})
    if given:
        reasoning = mapping(given, "reasoning")
        effort = effort or maybe_text(reasoning, "effort", "reasoning")
        budget = maybe_count(reasoning, "max_tokens", "reasoning", least=0) if budget is None else budget
        enabled = maybe_flag(reasoning, "enabled", "reasoning") if enabled is None else enabled
        summary = maybe_text(reasoning, "summary", "reasoning")
    switch = optional(body, "thinking", {})
    if isinstance(switch, dict) and switch.keys() - {"type", "budget_tokens"}:
        extras["thinking"] = switch  # says more than the canonical form has fields for
        switch = {}
    if switch and enabled is None:
        enabled = mapping(switch, "thinking").get("type") != "disabled"
        budget = maybe_count(switch, "budget_tokens", "thinking", least=0) if budget is None else budget
    if effort == "none":
        return Thinking(enabled=False, summary=summary)
    if effort is None and budget is None and enabled is None:
        return None
    return Thinking(enabled is not False, effort, budget, summary)
