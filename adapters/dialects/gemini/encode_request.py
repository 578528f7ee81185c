"""Gemini: canonical request → body for `generateContent`. Model and streaming stand in the path."""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson

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
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    system_parts,
)
from adapters.dialects.shared import signatures
from adapters.dialects.shared import strict as fields
from adapters.errors import Inexpressible

NAME = "gemini"
UNNAMED = "nth_"
"""Begins the ids that calls of a request get which have none."""

# Google's own mapping of effort words to the budgets that models before 3 take.
_BUDGET = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
_LEVEL = {"xhigh": "high", "max": "high", "none": "minimal"}
_BUDGETED = re.compile(r"gemini-(1|2)")
# Models from 3 on refuse calls without a signature in a tool loop; this value is documented for calls that
# another model made.
_FOREIGN_CALL = "skip_thought_signature_validator"


def encode_request(request: Request) -> Json:
    tier = request.service_tier
    fields.refuse(
        {
            "logit_bias": request.logit_bias,
            "parallel_tool_calls": request.parallel_tool_calls is False,
            f"service_tier {tier}": tier not in {None, "auto", "default"},
        }
    )
    body: Json = dict(fields.extras_for(request, NAME))
    if system := system_parts(request):
        body["systemInstruction"] = {"parts": [raw for part in system for raw in _part(part, request, {})]}
    body["contents"] = _contents(request)
    _tools(body, request)
    config = _generation_config(request)
    if config or "generationConfig" in body:
        body["generationConfig"] = {**body.get("generationConfig", {}), **config}
    return body


def _generation_config(request: Request) -> Json:
    config: Json = {
        "maxOutputTokens": request.max_tokens,
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
        "candidateCount": request.n,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
        "responseLogprobs": request.logprobs,
        "logprobs": request.top_logprobs,
        "thinkingConfig": _thinking(request.thinking, request.model),
    }
    if request.output_format is not None:
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = request.output_format.schema
    return {key: value for key, value in config.items() if value is not None}


def _thinking(thinking: Thinking | None, model: str) -> Json | None:
    if thinking is None:
        return None
    if not thinking.enabled:
        return {"thinkingBudget": 0} if _BUDGETED.search(model) else {"thinkingLevel": "minimal"}
    raw: Json = {"includeThoughts": thinking.summary != "omitted"}
    if thinking.budget_tokens is not None:
        raw["thinkingBudget"] = thinking.budget_tokens
    elif thinking.effort is not None and _BUDGETED.search(model):
        raw["thinkingBudget"] = _BUDGET.get(thinking.effort, _BUDGET["medium"])
    elif thinking.effort is not None:
        raw["thinkingLevel"] = _LEVEL.get(thinking.effort, thinking.effort)
    return raw


def _contents(request: Request) -> list[Json]:
    contents: list[Json] = []
    names: dict[str, str] = {}
    for message in request.messages:
        if message.role in {"system", "developer"}:
            continue
        role = "model" if message.role == "assistant" else "user"
        parts = [raw for part in message.parts for raw in _part(part, request, names)]
        if message.role == "tool":
            # Responses stand together, and what they show behind them.
            parts.sort(key=_shown)
        if role == "model":
            _seal_first_call(parts, request.model)
        # The results of parallel calls belong into one turn.
        if message.role == "tool" and contents and "functionResponse" in contents[-1]["parts"][0]:
            contents[-1]["parts"] = sorted(contents[-1]["parts"] + parts, key=_shown)
        elif parts:
            contents.append({"role": role, "parts": parts})
    return contents


def _shown(raw: Json) -> bool:
    return "functionResponse" not in raw


def _seal_first_call(parts: list[Json], model: str) -> None:
    first = next((raw for raw in parts if "functionCall" in raw), None)
    if first is not None and not _BUDGETED.search(model):
        first.setdefault("thoughtSignature", _FOREIGN_CALL)


def _part(part: Part, request: Request, names: dict[str, str]) -> Iterable[Json]:
    match part:
        case Text() | RefusalText():
            yield {"text": part.text}
        case Media():
            yield _media(part, request)
        case ToolCall():
            names[part.id] = part.name
            raw: Json = {"functionCall": {"name": part.name, "args": fields.parsed_arguments(part.arguments)}}
            if _has_own_id(part.id, request):
                raw["functionCall"]["id"] = part.id
            if seal := signatures.own(signatures.GEMINI, part.signature):
                raw["thoughtSignature"] = seal
            yield raw
        case ToolResult() if part.raw is not None and request.dialect == NAME:
            yield part.raw
        case ToolResult():
            text = "".join(piece.text for piece in part.content if isinstance(piece, Text))
            name = part.name or names.get(part.call_id) or part.call_id
            response: Json = {"name": name, "response": _response(text, is_error=part.is_error)}
            if _has_own_id(part.call_id, request):
                response["id"] = part.call_id
            yield {"functionResponse": response}
            for piece in part.content:
                if isinstance(piece, Media):
                    yield _media(piece, request)
        case Reasoning():
            if seal := signatures.own(signatures.GEMINI, part.signature):
                yield {
                    "text": part.text,
                    **({"thought": True} if part.text else {}),
                    "thoughtSignature": seal,
                }
        case Opaque():
            if part.dialect != NAME:
                raise Inexpressible(f"content of {part.dialect}")
            yield part.raw


def _response(text: str, *, is_error: bool) -> Json:
    """A result is an object here; text that is one goes as one where nothing of its spelling is lost."""
    if is_error:
        return {"error": text}
    try:
        value = orjson.loads(text) if text.startswith("{") else None
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict) or orjson.dumps(value).decode() != text:
        return {"output": text}
    # An object that looks like a text under its usual name would be read as that text.
    alone = next(iter(value.items())) if len(value) == 1 else ("", None)
    return {"output": text} if alone[0] in ("output", "error") and isinstance(alone[1], str) else value


def _has_own_id(call_id: str, request: Request) -> bool:
    """Not every version of the API takes ids; a client that sends them talks to one that does."""
    return request.dialect == NAME and not call_id.startswith(UNNAMED)


def _media(part: Media, request: Request) -> Json:
    if part.data is not None:
        fallback = {
            "image": "image/png",
            "audio": "audio/wav",
            "video": "video/mp4",
            "file": "application/pdf",
        }
        return {"inlineData": {"mimeType": part.media_type or fallback[part.kind], "data": part.data}}
    if part.url is None and request.dialect != NAME:
        raise Inexpressible("a file id of another vendor")
    raw = {"fileUri": part.url or part.file_id}
    if part.media_type is not None:
        raw["mimeType"] = part.media_type
    return {"fileData": raw}


def _tools(body: Json, request: Request) -> None:
    tools: list[Json] = []
    declared: list[Json] = []
    for tool in request.tools:
        if isinstance(tool, BuiltinTool):
            if tool.dialect != NAME:
                raise Inexpressible(f"the built-in tool {tool.raw.get('type', '')}")
            tools.append(tool.raw)
            continue
        raw: Json = {"name": tool.name}
        if tool.description is not None:
            raw["description"] = tool.description
        if tool.parameters is not None:
            raw["parametersJsonSchema"] = tool.parameters
        declared.append(raw)
    if declared:
        tools.append({"functionDeclarations": declared})
    if tools:
        body["tools"] = tools
    choice = request.tool_choice
    strict = any(isinstance(tool, Tool) and tool.strict for tool in request.tools)
    if choice is not None or strict:
        modes = {"auto": "AUTO", "none": "NONE", "required": "ANY", "one": "ANY"}
        config: Json = {"mode": modes[choice.mode if choice is not None else "auto"]}
        if strict and config["mode"] == "AUTO":
            config["mode"] = "VALIDATED"  # arguments are held to the schema; under ANY they are anyway
        if choice is not None and choice.name is not None:
            config["allowedFunctionNames"] = [choice.name]
        body["toolConfig"] = {**body.get("toolConfig", {}), "functionCallingConfig": config}
