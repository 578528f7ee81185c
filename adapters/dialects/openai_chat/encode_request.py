"""Requests → OpenAI chat bodies."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.canonical import (
    BuiltinTool,
    Json,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    RefusalText,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from adapters.dialects.openai_chat.decode_request import NAME
from adapters.dialects.openai_shared.parts import audio_format, detail_of, short_enough
from adapters.dialects.shared.data_urls import data_url
from adapters.dialects.shared.signatures import GEMINI, own
from adapters.errors import Inexpressible

# Fields of other dialects that change nothing in the answer.
_HARMLESS = frozenset(("store", "include", "safety_identifier", "truncation", "background", "betas"))

# OpenAI has efforts only; the bounds are those that others publish for their own translation.
_LOW_BUDGET = 2048
_MEDIUM_BUDGET = 8192


def encode_request(request: Request) -> Json:
    """Raises Inexpressible for tools, fields and parts that only another dialect knows."""
    messages: list[Json] = []
    for message in request.messages:
        messages.extend(_message(message))
    body: Json = {"model": request.model, "messages": messages}
    if request.tools:
        body["tools"] = [_tool(tool, request) for tool in request.tools]
    if request.tool_choice is not None:
        choice = request.tool_choice
        body["tool_choice"] = (
            {"type": "function", "function": {"name": choice.name}} if choice.mode == "one" else choice.mode
        )
    plain: Json = {
        "parallel_tool_calls": request.parallel_tool_calls,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "n": request.n,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "logit_bias": request.logit_bias,
        "logprobs": request.logprobs,
        "top_logprobs": request.top_logprobs,
        "reasoning_effort": _effort(request.thinking),
        "service_tier": request.service_tier,
        "user": short_enough(request.user),
        "metadata": request.metadata,
        "prompt_cache_key": short_enough(request.cache_key),
        "verbosity": request.verbosity,
    }
    body.update((name, value) for name, value in plain.items() if value is not None)
    form = request.output_format
    if form is not None and form.kind == "json_object":
        body["response_format"] = {"type": "json_object"}
    elif form is not None:
        schema = {"name": form.name or "answer", "schema": form.schema, "strict": form.strict}
        schema["description"] = form.description
        fields = {name: value for name, value in schema.items() if value is not None}
        body["response_format"] = {"type": "json_schema", "json_schema": fields}
    if request.stream:
        body["stream"] = True
        if request.include_usage:
            body["stream_options"] = {"include_usage": True}
    for name, value in request.extras.items():
        if request.dialect == NAME:
            body[name] = value
        elif name not in _HARMLESS:
            raise Inexpressible(name)
    return body


def _effort(thinking: Thinking | None) -> str | None:
    if thinking is None:
        return None
    if not thinking.enabled:
        return "none"
    if thinking.effort is not None or thinking.budget_tokens is None:
        return thinking.effort or "medium"
    if thinking.budget_tokens <= _LOW_BUDGET:
        return "low"
    return "medium" if thinking.budget_tokens <= _MEDIUM_BUDGET else "high"


def _tool(tool: Tool | BuiltinTool, request: Request) -> Json:
    if isinstance(tool, BuiltinTool):
        if tool.dialect != NAME:
            raise Inexpressible(f"tool {tool.raw.get('type') or next(iter(tool.raw), '')}")
        return tool.raw
    if tool.raw is not None and request.dialect == NAME:
        return tool.raw
    function: Json = {"name": tool.name}
    for name in ("description", "parameters", "strict"):
        value = getattr(tool, name)
        if value is not None:
            function[name] = value
    raw: Json = {"type": "function", "function": function}
    if tool.cache is not None:
        raw["cache_control"] = tool.cache
    return raw


def _message(message: Message) -> list[Json]:
    """One canonical turn can be several of OpenAI's: each tool result is a message, and media in results
    go to a user message behind them.
    """
    results = [part for part in message.parts if isinstance(part, ToolResult)]
    rest = [part for part in message.parts if not isinstance(part, ToolResult)]
    out: list[Json] = []
    media: list[Part] = []
    for result in results:
        out.append(_result(result))
        shown = [part for part in result.content if isinstance(part, Media)]
        if shown:
            media += [Text(f"Output of tool call {result.call_id}:"), *shown]
    if message.role == "assistant":
        out.append(_assistant(message, rest))
    elif rest or media or not results:
        raw: Json = {
            "role": "user" if message.role == "tool" else message.role,
            "content": _content([*media, *rest]),
        }
        if message.name is not None:
            raw["name"] = message.name
        out.append(raw)
    return out


def _result(result: ToolResult) -> Json:
    texts = [part for part in result.content if isinstance(part, Text)]
    if result.is_error:
        first = texts[0] if texts else Text("")
        texts = [Text(f"Error: {first.text}", first.cache), *texts[1:]]
    raw: Json = {"role": "tool", "tool_call_id": result.call_id, "content": _content(texts) if texts else ""}
    if result.name is not None:
        raw["name"] = result.name
    if result.cache is not None:
        raw["cache_control"] = result.cache
    return raw


def _assistant(message: Message, parts: Sequence[Part]) -> Json:
    raw: Json = {"role": "assistant", "content": None}
    if message.name is not None:
        raw["name"] = message.name
    texts: list[Part] = []
    calls: list[Json] = []
    thoughts: list[Reasoning] = []
    for part in parts:
        match part:
            case Reasoning():
                thoughts.append(_own_thought(part))
            case Text():
                texts.append(Text(part.text, part.cache))
                if part.annotations:
                    raw["annotations"] = [*raw.get("annotations", ()), *part.annotations]
            case RefusalText():
                raw["refusal"] = raw.get("refusal", "") + part.text
            case ToolCall():
                calls.append(_tool_call(part))
            case Media(kind="audio", file_id=str(id)):
                raw["audio"] = {"id": id}
            case Opaque(dialect=dialect, raw=own) if dialect == NAME:
                calls.append(own)
            case Opaque():
                # The text around it repeats what a provider's own tool did.
                continue
            case _:
                raise Inexpressible(f"{type(part).__name__.lower()} in an assistant message")
    if texts:
        raw["content"] = _content(texts)
    thoughts = [thought for thought in thoughts if thought != Reasoning()]
    if thoughts:
        raw["reasoning_content"] = "".join(thought.text for thought in thoughts)
        if (
            any(thought.signature or thought.redacted or thought.id for thought in thoughts)
            or len(thoughts) > 1
        ):
            raw["reasoning_details"] = [
                detail_of(thought.text, thought.signature, thought.redacted, thought.id)
                for thought in thoughts
            ]
    if calls:
        raw["tool_calls"] = calls
    elif raw["content"] is None and "refusal" not in raw and "audio" not in raw:
        raw["content"] = ""
    return raw


def _own_thought(thought: Reasoning) -> Reasoning:
    """Signatures that another vendor made are of no use to a server of this dialect."""
    return Reasoning(thought.text, own("", thought.signature), own("", thought.redacted), thought.id)


def _tool_call(call: ToolCall) -> Json:
    if call.raw is not None and call.raw.get("type") == "custom" and "custom" in call.raw:
        return {**call.raw, "id": call.id}
    raw: Json = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    signature = own(GEMINI, call.signature)
    if signature is not None:
        raw["extra_content"] = {"google": {"thought_signature": signature}}
    return raw


def _content(parts: Sequence[Part]) -> str | list[Json]:
    if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
        return parts[0].text
    if not parts:
        return ""
    return [_part(part) for part in parts]


def _part(part: Part) -> Json:
    raw: Json
    match part:
        case Text():
            raw = {"type": "text", "text": part.text}
        case RefusalText():
            return {"type": "refusal", "refusal": part.text}
        case Media(kind="image" | "video") if part.file_id is None:
            url = part.url or data_url(part.media_type, part.data or "", f"{part.kind}/*")
            raw = {"type": f"{part.kind}_url", f"{part.kind}_url": {"url": url}}
            if part.detail is not None:
                raw[f"{part.kind}_url"]["detail"] = part.detail
        case Media(kind="audio", data=str(data)):
            raw = {
                "type": "input_audio",
                "input_audio": {"data": data, "format": audio_format(part.media_type)},
            }
        case Media(kind="file"):
            raw = {"type": "file", "file": _file(part)}
        case _:
            kind = part.kind if isinstance(part, Media) else type(part).__name__.lower()
            raise Inexpressible(f"{kind} by reference")
    if part.cache is not None:
        raw["cache_control"] = part.cache
    return raw


def _file(part: Media) -> Json:
    raw: Json = {}
    if part.name is not None:
        raw["filename"] = part.name
    if part.file_id is not None:
        raw["file_id"] = part.file_id
    elif part.url is not None:
        raw["file_data"] = part.url
    else:
        raw["file_data"] = data_url(part.media_type, part.data or "", "application/octet-stream")
    return raw
