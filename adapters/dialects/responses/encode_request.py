"""OpenAI Responses: canonical request → body for a server. Nothing is stored there unless the client asks."""

from __future__ import annotations

from collections.abc import Iterable

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
    ToolResult,
)
from adapters.dialects.openai_shared.parts import short_enough
from adapters.dialects.responses.decode_request import LOGPROBS, NAME
from adapters.dialects.shared import signatures, strict
from adapters.dialects.shared.data_urls import data_url
from adapters.errors import Inexpressible

# A budget of tokens has no place here; these bounds are the budgets that others give to the same words.
_EFFORT_UP_TO = ((2_048, "low"), (8_192, "medium"))
_EFFORT = {"max": "xhigh"}


def encode_request(request: Request) -> Json:
    strict.refuse(
        {
            "n": (request.n or 1) > 1,
            "seed": request.seed is not None,
            "stop": request.stop,
            "top_k": request.top_k is not None,
            "presence_penalty": request.presence_penalty,
            "frequency_penalty": request.frequency_penalty,
            "logit_bias": request.logit_bias,
        }
    )
    body: Json = dict(strict.extras_for(request, NAME))
    body["model"] = request.model
    messages = request.messages
    if (
        messages
        and messages[0].role == "system"
        and all(isinstance(part, Text) for part in messages[0].parts)
    ):
        body["instructions"] = "\n\n".join(part.text for part in messages[0].parts if isinstance(part, Text))
        messages = messages[1:]
    body["input"] = [item for message in messages for item in _items(message, request)]
    settings: Json = {
        "max_output_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.top_logprobs,
        "parallel_tool_calls": request.parallel_tool_calls,
        "service_tier": request.service_tier,
        "user": short_enough(request.user),
        "metadata": request.metadata,
        "prompt_cache_key": short_enough(request.cache_key),
        "stream": request.stream or None,
        "reasoning": _reasoning(request.thinking),
        "tools": encode_tools(request) or None,
        "tool_choice": encode_tool_choice(request),
    }
    if settings["reasoning"] is not None:
        settings["reasoning"] = {**body.get("reasoning", {}), **settings["reasoning"]}
    body.update((key, value) for key, value in settings.items() if value is not None)
    if request.verbosity is not None:
        body["text"] = {**body.get("text", {}), "verbosity": request.verbosity}
    if request.output_format is not None:
        body["text"] = {**body.get("text", {}), "format": encode_format(request.output_format)}
    include = list(body.get("include", ()))
    if request.logprobs or (request.top_logprobs and LOGPROBS not in include):
        include.append(LOGPROBS)
    if request.dialect != NAME:
        body["store"] = False
        if request.thinking is not None and request.thinking.enabled:
            include.append("reasoning.encrypted_content")
    if include:
        body["include"] = include
    return body


def _items(message: Message, request: Request) -> Iterable[Json]:
    """One message is a row of items: its words together, calls, results and thoughts apart."""
    words: list[Json] = []

    def spoken() -> Iterable[Json]:
        if words:
            role = "assistant" if message.role == "assistant" else message.role
            yield {"role": role, "content": _short(list(words), message.role)}
            words.clear()

    for part in message.parts:
        match part:
            case ToolCall():
                yield from spoken()
                yield _call(part, request)
            case ToolResult():
                yield from spoken()
                if part.raw is not None and request.dialect == NAME:
                    yield {**part.raw, "call_id": part.call_id}
                    continue
                yield {
                    "type": "function_call_output",
                    "call_id": part.call_id,
                    "output": _output(part, request),
                }
            case Reasoning():
                yield from spoken()
                yield from _thoughts(part, request)
            case Opaque():
                if part.dialect != NAME:
                    raise Inexpressible(f"content of {part.dialect}")
                yield from spoken()
                yield part.raw
            case _:
                words.append(_part(part, request, spoken_by_model=message.role == "assistant"))
    if not message.parts:
        yield {"role": message.role, "content": ""}
    yield from spoken()


def _short(content: list[Json], role: str) -> object:
    if (
        len(content) == 1
        and content[0]["type"] in {"input_text", "output_text"}
        and not content[0].get("annotations")
    ):
        return content[0]["text"]
    if role == "assistant":
        return [{**part, "annotations": part.get("annotations", [])} if part["type"] == "output_text" else part
                for part in content]  # fmt: skip
    return content


def _call(part: ToolCall, request: Request) -> Json:
    if part.raw is not None and request.dialect == NAME:
        return {**part.raw, "call_id": part.id}
    raw: Json = {"type": "function_call"}
    if part.item_id is not None:
        # An item with an id was made by the server, and what is sent back is whole.
        raw |= {"id": part.item_id, "status": "completed"}
    return raw | {"call_id": part.id, "name": part.name, "arguments": part.arguments or "{}"}


def _output(result: ToolResult, request: Request) -> object:
    """A failed tool has no field here; the text begins with "Error"."""
    content = [_part(part, request, spoken_by_model=False) for part in result.content]
    if all(part["type"] == "input_text" for part in content):
        text = "".join(part["text"] for part in content)
        return f"Error: {text}" if result.is_error else text
    return [{"type": "input_text", "text": "Error:"}, *content] if result.is_error else content


def _thoughts(part: Reasoning, request: Request) -> Iterable[Json]:
    """Thoughts go back sealed, or by id where the client relies on the server's own store."""
    sealed = signatures.own(signatures.OPENAI, part.signature)
    by_id = request.dialect == NAME and part.id is not None and part.signature is None
    if sealed is None and not by_id:
        return
    item: Json = {"type": "reasoning"}
    if part.id is not None:
        item["id"] = part.id
    item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
    if sealed is not None:
        item["encrypted_content"] = sealed
    yield item


def _part(part: Part, request: Request, *, spoken_by_model: bool) -> Json:
    match part:
        case Text() if spoken_by_model:
            raw: Json = {"type": "output_text", "text": part.text}
            if part.annotations:
                raw["annotations"] = [flat for entry in part.annotations for flat in flat_annotation(entry)]
            return raw
        case Text():
            return {"type": "input_text", "text": part.text}
        case RefusalText():
            return {"type": "refusal", "refusal": part.text}
        case Media():
            return _media(part, request)
    raise Inexpressible(type(part).__name__)


def _media(part: Media, request: Request) -> Json:
    if part.file_id is not None and request.dialect not in {NAME, "openai_chat"}:
        raise Inexpressible("a file id of another vendor")
    match part.kind:
        case "image":
            raw: Json = {"type": "input_image"}
            if part.file_id is not None:
                raw["file_id"] = part.file_id
            else:
                raw["image_url"] = part.url or data_url(part.media_type, part.data or "", "image/png")
            if part.detail is not None:
                raw["detail"] = part.detail
            return raw
        case "file":
            raw = {"type": "input_file"}
            if part.file_id is not None:
                raw["file_id"] = part.file_id
            elif part.url is not None:
                raw["file_url"] = part.url
            else:
                raw["file_data"] = data_url(part.media_type, part.data or "", "application/pdf")
            if part.name is not None:
                raw["filename"] = part.name
            return raw
        case "audio" if part.data is not None:
            kind = (part.media_type or "audio/wav").removeprefix("audio/")
            audio = {"data": part.data, "format": "mp3" if kind == "mpeg" else kind}
            return {"type": "input_audio", "input_audio": audio}
        case other:
            raise Inexpressible(f"{other} input")


def flat_annotation(entry: Json) -> Iterable[Json]:
    """Citations into documents of another vendor's request have no form here."""
    inner = entry.get("url_citation")
    if isinstance(inner, dict):
        yield {"type": "url_citation", "title": "", **inner}
    elif entry.get("type") in ("file_citation", "container_file_citation", "file_path"):
        yield entry


def encode_tools(request: Request) -> list[Json]:
    tools: list[Json] = []
    for tool in request.tools:
        raw = _tool(tool, request)
        # The functions of a namespace name the whole of it each.
        if not any(raw is other for other in tools):
            tools.append(raw)
    return tools


def _tool(tool: Tool | BuiltinTool, request: Request) -> Json:
    if isinstance(tool, BuiltinTool):
        if tool.dialect != NAME:
            raise Inexpressible(f"the built-in tool {tool.raw.get('type', '')}")
        return tool.raw
    if tool.raw is not None and request.dialect == NAME:
        whole = tool.within is not None or tool.raw.get("name") in (None, tool.name)
        return tool.raw if whole else {**tool.raw, "name": tool.name}
    raw: Json = {"type": "function", "name": tool.name, "parameters": tool.parameters}
    if tool.description is not None:
        raw["description"] = tool.description
    # Unsaid means strict here and lax everywhere else.
    if tool.strict is not None or request.dialect != NAME:
        raw["strict"] = bool(tool.strict)
    return raw


def encode_tool_choice(request: Request) -> object:
    choice = request.tool_choice
    if choice is None:
        return None
    return {"type": "function", "name": choice.name} if choice.mode == "one" else choice.mode


def encode_format(wanted: OutputFormat) -> Json:
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    raw: Json = {"type": "json_schema", "name": wanted.name or "answer", "schema": wanted.schema or {}}
    if wanted.strict is not None:
        raw["strict"] = wanted.strict
    if wanted.description is not None:
        raw["description"] = wanted.description
    return raw


def _reasoning(thinking: Thinking | None) -> Json | None:
    if thinking is None:
        return None
    if not thinking.enabled:
        return {"effort": "none"}
    effort = thinking.effort
    if effort is None and thinking.budget_tokens is not None:
        budget = thinking.budget_tokens
        effort = next((word for most, word in _EFFORT_UP_TO if budget <= most), "high")
    raw: Json = {}
    if effort is not None:
        raw["effort"] = _EFFORT.get(effort, effort)
    if thinking.summary not in {None, "omitted"}:
        raw["summary"] = "auto" if thinking.summary == "summarized" else thinking.summary
    return raw or None
