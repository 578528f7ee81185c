"""Requests ↔ Cohere chat bodies, by way of OpenAI's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters.canonical import Json, Request, Thinking
from adapters.dialects.openai_chat.decode_request import decode_request as decode_chat
from adapters.dialects.openai_chat.encode_request import encode_request as encode_chat
from adapters.dialects.shared.strict import extras_for, fail, listed, mapping
from adapters.errors import Inexpressible

NAME = "cohere"

_TO_COHERE = {"top_p": "p", "top_k": "k", "stop": "stop_sequences"}
_TO_CHAT = {other: name for name, other in _TO_COHERE.items()}
_SETTINGS = frozenset(
    ("model", "messages", "tools", "max_tokens", "temperature", "seed", "stream", "logprobs")
)
_COMMON = _SETTINGS | {"presence_penalty", "frequency_penalty"}
# What an effort word is worth where only tokens are counted.
_BUDGET = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
# These change nothing in the answer.
_UNNEEDED = frozenset(
    ("user", "metadata", "prompt_cache_key", "service_tier", "parallel_tool_calls", "stream_options")
)


def encode_request(request: Request) -> Json:
    """Raises Inexpressible."""
    extras = extras_for(request, NAME)
    if request.n is not None and request.n > 1:
        raise Inexpressible("n")
    if request.service_tier not in {None, "auto", "default"}:
        raise Inexpressible(f"service_tier {request.service_tier}")
    if request.parallel_tool_calls is False and request.tools:
        raise Inexpressible("parallel_tool_calls")
    chat = encode_chat(
        replace(request, extras={}, tool_choice=None, thinking=None, output_format=None, n=None)
    )
    body: Json = {}
    for name, value in chat.items():
        if name in _TO_COHERE:
            body[_TO_COHERE[name]] = value
        elif name in _COMMON:
            body[name] = value
        elif name not in _UNNEEDED:
            raise Inexpressible(name)
    body["messages"] = [_to_cohere(message) for message in chat["messages"]]
    choice = request.tool_choice
    if choice is not None and choice.mode == "one":
        # A tool can't be chosen by name: offering it alone has the same effect.
        body["tools"] = [tool for tool in body.get("tools", ()) if tool["function"]["name"] == choice.name]
    if choice is not None and choice.mode != "auto":
        body["tool_choice"] = "NONE" if choice.mode == "none" else "REQUIRED"
    form = request.output_format
    if form is not None:
        body["response_format"] = {"type": "json_object"}
        if form.schema is not None:
            body["response_format"]["json_schema"] = form.schema
    if request.thinking is not None:
        body["thinking"] = {"type": "enabled" if request.thinking.enabled else "disabled"}
        budget = request.thinking.budget_tokens or _BUDGET.get(request.thinking.effort or "")
        if request.thinking.enabled and budget is not None:
            body["thinking"]["token_budget"] = budget
    return body | extras


def _to_cohere(message: Json) -> Json:
    changed = dict(message)
    thought = changed.pop("reasoning_content", None)
    changed.pop("reasoning_details", None)
    if changed["role"] == "developer":
        changed["role"] = "system"
    if changed["role"] == "assistant":
        changed.pop("annotations", None)
        if thought and changed.get("tool_calls"):
            changed["tool_plan"] = thought
        elif thought:
            text = changed.get("content") or ""
            plain = [{"type": "text", "text": text}] if text else []
            parts = plain if isinstance(text, str) else text
            changed["content"] = [{"type": "thinking", "thinking": thought}, *parts]
        if changed.get("content") is None:
            changed.pop("content", None)
        if "refusal" in changed:
            changed["content"] = changed.pop("refusal")
    content = changed.get("content")
    for part in content if isinstance(content, list) else ():
        if part["type"] not in ("text", "image_url", "thinking"):
            raise Inexpressible(part["type"])
        part.pop("cache_control", None)
    if "audio" in changed:
        raise Inexpressible("audio")
    changed.pop("name", None)
    changed.pop("cache_control", None)
    return changed


def decode_request(body: Json) -> Request:
    """Raises InvalidRequest."""
    chat: Json = {}
    extras: Json = {}
    for name, value in body.items():
        if name in _TO_CHAT:
            chat[_TO_CHAT[name]] = value
        elif name in _COMMON:
            chat[name] = value
        elif name not in ("tool_choice", "response_format", "thinking"):
            extras[name] = value
    messages = listed(body.get("messages"), "messages")
    chat["messages"] = [_to_chat(raw, f"messages[{i}]") for i, raw in enumerate(messages)]
    if body.get("tool_choice") is not None:
        choice = body["tool_choice"]
        if choice not in ("REQUIRED", "NONE"):
            fail('tool_choice must be "REQUIRED" or "NONE"', "tool_choice")
        chat["tool_choice"] = choice.lower()
    form = body.get("response_format")
    if isinstance(form, dict) and form.get("type") == "json_object":
        schema = form.get("json_schema") or form.get("schema")
        chat["response_format"] = (
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}} if schema else form
        )
    request = decode_chat(chat)
    thinking = None
    if body.get("thinking") is not None:
        fields = mapping(body["thinking"], "thinking")
        thinking = Thinking(fields.get("type") != "disabled", budget_tokens=fields.get("token_budget"))
    return replace(
        request, thinking=thinking, extras=request.extras | extras, dialect=NAME, include_usage=True
    )


def _to_chat(raw: Any, path: str) -> Json:
    message = dict(mapping(raw, path))
    if message.get("tool_plan"):
        message["reasoning_content"] = message.pop("tool_plan")
    content = message.get("content")
    if isinstance(content, list):
        thoughts = [part for part in content if isinstance(part, dict) and part.get("type") == "thinking"]
        if thoughts:
            message["reasoning_content"] = "".join(str(part.get("thinking", "")) for part in thoughts)
        message["content"] = [_part(part) for part in content if part not in thoughts]
    return message


def _part(part: Any) -> Any:
    match part:
        case {"type": "document", "document": {"data": str(text)}}:
            return {"type": "text", "text": text}
    return part
