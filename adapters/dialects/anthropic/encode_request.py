"""Anthropic Messages: canonical request → body for a server."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from adapters.canonical import (
    BuiltinTool,
    Json,
    Media,
    Opaque,
    Part,
    Reasoning,
    RefusalText,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from adapters.dialects.anthropic.decode_request import NAME
from adapters.dialects.shared import signatures, strict
from adapters.dialects.shared.data_urls import split_data_url
from adapters.errors import Inexpressible
from adapters.limits.table import BUDGETED

# The API demands max_tokens; most other dialects leave it to the model. So: the most that the family can
# write (published model limits), and for unknown names the least of the models on sale, so that no answer is
# cut short and none is rejected.
_MAX_OUTPUT = (
    (re.compile(r"claude-3-5"), 8_192),
    (re.compile(r"claude-3-7"), 64_000),
    (re.compile(r"claude-(3-|2|instant)"), 4_096),
)
DEFAULT_MAX_TOKENS = 32_000

# Share of max_tokens that an effort may think, as OpenRouter documents it; the API's least budget is 1,024.
_BUDGET_SHARE = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
_LEAST_BUDGET = 1_024
_EFFORT = {"minimal": "low"}

_CALL_ID = re.compile(r"[^a-zA-Z0-9_-]")


def encode_request(request: Request) -> Json:
    strict.refuse(
        {
            "n": (request.n or 1) > 1,
            "seed": request.seed is not None,
            "presence_penalty": request.presence_penalty,
            "frequency_penalty": request.frequency_penalty,
            "logit_bias": request.logit_bias,
            "logprobs": request.logprobs,
            "top_logprobs": request.top_logprobs,
            "temperature above 1": (request.temperature or 0) > 1,
        }
    )
    body: Json = dict(strict.extras_for(request, NAME))
    body["model"] = request.model
    body["max_tokens"] = request.max_tokens or _default_max_tokens(request.model)
    system, turns = _conversation(request)
    if system:
        body["system"] = system
    body["messages"] = turns
    _settings(body, request)
    _tools(body, request)
    _output(body, request)
    _thinking(body, request)
    return body


def encode_count_request(request: Request) -> Json:
    """Returns the body for `/v1/messages/count_tokens`: what is read, not how the answer is drawn."""
    kept = {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "cache_control",
    }
    return {key: value for key, value in encode_request(request).items() if key in kept}


def _default_max_tokens(model: str) -> int:
    return next((most for family, most in _MAX_OUTPUT if family.search(model)), DEFAULT_MAX_TOKENS)


def _settings(body: Json, request: Request) -> None:
    settings = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stop_sequences": list(request.stop) or None,
        "stream": request.stream or None,
        "metadata": {"user_id": request.user} if request.user else None,
    }
    body.update((key, value) for key, value in settings.items() if value is not None)
    match request.service_tier:
        case None:
            pass
        case "auto":
            body["service_tier"] = "auto"
        case "default" | "standard":
            body["service_tier"] = "standard_only"
        case other:
            raise Inexpressible(f"service_tier {other}")


# --- messages ----------------------------------------------------------------------------------------


def _conversation(request: Request) -> tuple[Any, list[Json]]:
    """System words of other dialects stand anywhere; here they open the conversation."""
    system: list[Part] = []
    turns: list[tuple[str, list[Json]]] = []
    after_tools = False
    for message in request.messages:
        if message.role in {"system", "developer"}:
            if turns and request.dialect == NAME:
                turns.append(("system", _blocks(message.parts, request)))
            else:
                system += message.parts
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message.parts, request)
        # All results of one turn's calls belong into the one user turn that follows them.
        if after_tools and role == "user":
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, blocks))
        after_tools = message.role == "tool"
    # An assistant turn of nothing but foreign reasoning has no blocks left; the API refuses empty turns.
    messages = [
        {"role": role, "content": _short(blocks)} for role, blocks in turns if blocks or role != "assistant"
    ]
    return _short(_blocks(system, request)), messages


def _short(blocks: list[Json]) -> Any:
    """One plain text is sent as a string, as people write it."""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return blocks[0]["text"]
    return blocks


def _blocks(parts: Iterable[Part], request: Request) -> list[Json]:
    return [block for part in parts for block in _block(part, request)]


def _block(part: Part, request: Request) -> list[Json]:
    match part:
        case Text():
            block: Json = {"type": "text", "text": part.text}
            if citations := [cited for entry in part.annotations for cited in citation(entry)]:
                block["citations"] = citations
        case Media():
            block = _media(part, request)
        case ToolCall():
            call_input = strict.parsed_arguments(part.arguments)
            return [{"type": "tool_use", "id": _call_id(part.id), "name": part.name, "input": call_input}]
        case ToolResult() if part.raw is not None and request.dialect == NAME:
            return [{**part.raw, "tool_use_id": _call_id(part.call_id)}]
        case ToolResult():
            block = {"type": "tool_result", "tool_use_id": _call_id(part.call_id)}
            if part.content:
                block["content"] = _short(_blocks(part.content, request))
            if part.is_error:
                block["is_error"] = True
        case Reasoning():
            return _reasoning(part)
        case RefusalText():
            return [{"type": "text", "text": part.text}]
        case Opaque():
            if part.dialect != NAME:
                raise Inexpressible(f"content of {part.dialect}")
            return [part.raw]
    if part.cache:
        block["cache_control"] = part.cache
    return [block]


def _call_id(id: str) -> str:
    """The API takes ids of [a-zA-Z0-9_-]+ only."""
    return _CALL_ID.sub("_", id)


def _reasoning(part: Reasoning) -> list[Json]:
    """Thoughts go back only with the vendor's own seal; those of other models can't be resumed here."""
    if redacted := signatures.own(signatures.ANTHROPIC, part.redacted):
        return [{"type": "redacted_thinking", "data": redacted}]
    if signature := signatures.own(signatures.ANTHROPIC, part.signature):
        return [{"type": "thinking", "thinking": part.text, "signature": signature}]
    return []


def _media(part: Media, request: Request) -> Json:
    if part.kind not in {"image", "file"}:
        raise Inexpressible(f"{part.kind} input")
    block: Json = {"type": "image" if part.kind == "image" else "document"}
    inline = split_data_url(part.url) if part.url else None
    media_type, data = inline or (part.media_type, part.data)
    if data is not None:
        block["source"] = _inline_source(part.kind, media_type, data)
    elif part.url is not None:
        block["source"] = {"type": "url", "url": part.url}
    elif request.dialect == NAME:
        block["source"] = {"type": "file", "file_id": part.file_id}
    else:
        raise Inexpressible("a file id of another vendor")
    if part.name and part.kind == "file":
        block["title"] = part.name
    return block


def _inline_source(kind: str, media_type: str | None, data: str) -> Json:
    if kind == "file" and media_type is not None and media_type.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": strict.base64_to_plain(data)}
    if kind == "file" and media_type not in {None, "application/pdf"}:
        raise Inexpressible(f"files of type {media_type}")
    return {
        "type": "base64",
        "media_type": media_type or ("image/png" if kind == "image" else "application/pdf"),
        "data": data,
    }


def citation(entry: Json) -> list[Json]:
    """Returns an annotation as a citation; nothing where it lacks the token of the API's own search, which the API demands."""
    if entry.get("type") == "citation":
        return [entry["citation"]]
    url_citation = entry.get("url_citation")
    if (
        entry.get("type") == "url_citation"
        and isinstance(url_citation, dict)
        and "encrypted_index" in url_citation
    ):
        rest = {key: value for key, value in url_citation.items() if key not in {"start_index", "end_index"}}
        return [{"type": "web_search_result_location", **rest}]
    return []


# --- tools, output, thinking -------------------------------------------------------------------------


def _tools(body: Json, request: Request) -> None:
    if request.tools:
        body["tools"] = [_tool(tool, request) for tool in request.tools]
    choice = request.tool_choice
    serial = request.parallel_tool_calls is False
    if choice is None and (not request.tools or request.parallel_tool_calls is None):
        return
    mode = choice.mode if choice else "auto"
    raw: Json = {"type": {"required": "any", "one": "tool"}.get(mode, mode)}
    if choice and choice.name is not None:
        raw["name"] = choice.name
    if mode != "none" and (serial or (request.dialect == NAME and request.parallel_tool_calls is not None)):
        raw["disable_parallel_tool_use"] = serial
    if choice is not None or serial:
        body["tool_choice"] = raw


def _tool(tool: Tool | BuiltinTool, request: Request) -> Json:
    if isinstance(tool, BuiltinTool):
        if tool.dialect != NAME:
            raise Inexpressible(f"the built-in tool {tool.raw.get('type', '')}")
        return tool.raw
    if tool.raw is not None and request.dialect == NAME:
        return {**tool.raw, "name": tool.name}
    raw: Json = {"name": tool.name, "input_schema": tool.parameters or {"type": "object", "properties": {}}}
    if tool.description is not None:
        raw["description"] = tool.description
    if tool.strict is not None:
        raw["strict"] = tool.strict
    if tool.cache is not None:
        raw["cache_control"] = tool.cache
    return raw


def _output(body: Json, request: Request) -> None:
    wanted = request.output_format
    if wanted is None:
        return
    if wanted.kind != "json_schema" or wanted.schema is None:
        raise Inexpressible("JSON output without a schema")
    body["output_config"] = {
        **body.get("output_config", {}),
        "format": {"type": "json_schema", "schema": wanted.schema},
    }


def _thinking(body: Json, request: Request) -> None:
    thinking = request.thinking
    if thinking is None:
        return
    effort = None if thinking.effort in {None, "none"} else thinking.effort
    budgeted = BUDGETED.search(request.model) is not None
    if not thinking.enabled or thinking.effort == "none":
        if effort is None:
            body["thinking"] = {"type": "disabled"}
    elif thinking.budget_tokens is not None:
        body["thinking"] = {"type": "enabled", "budget_tokens": thinking.budget_tokens}
    elif budgeted and request.dialect != NAME:
        body["thinking"] = {"type": "enabled", "budget_tokens": _budget(effort, body["max_tokens"])}
        effort = None
    else:
        body["thinking"] = {"type": "adaptive"}
    if thinking.summary is not None and body.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
        body["thinking"]["display"] = "omitted" if thinking.summary == "omitted" else "summarized"
    if effort is not None:
        body["output_config"] = {**body.get("output_config", {}), "effort": _EFFORT.get(effort, effort)}


def _budget(effort: str | None, max_tokens: int) -> int:
    """Returns the tokens to think with; they count against max_tokens and must leave room for the answer."""
    budget = max(_LEAST_BUDGET, int(max_tokens * _BUDGET_SHARE.get(effort or "medium", 0.5)))
    if budget >= max_tokens:
        raise Inexpressible(f"thinking within max_tokens of {max_tokens}")
    return budget
