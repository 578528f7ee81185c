"""OpenAI's chat completions, and what servers of that API demand beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.switching.seals import maker_of

Json = dict[str, Any]

# OpenAI's 400: "string too long. Expected a string with maximum length 40".
_LONGEST_ID = 40
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# Mistral's 422 "Extra inputs are not permitted", Groq's "property … is unsupported", OpenAI's reference of messages.
_FIELDS = {
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "refusal",
    "audio",
    "function_call",
    "prefix",
}
_STRICT = {"openai", "mistral", "groq"}


def complaints(provider: str, model: str, body: Json) -> Iterator[str]:
    messages = body.get("messages") or []
    if not messages:
        yield "there are no messages"
    yield from _order(messages)
    for number, message in enumerate(messages):
        yield from _shape(provider, number, message)
    yield from _tools(body)
    if provider == "mistral":
        yield from _mistral(messages)
    elif provider == "deepseek":
        yield from _deepseek(model, body, messages)
    elif provider == "openrouter":
        yield from _openrouter(messages)


def _order(messages: list[Json]) -> Iterator[str]:
    """OpenAI's 400s: each call is answered by a tool message before anybody else speaks, and by one only."""
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                yield f"message {number} answers no call that is open: {message.get('tool_call_id')}"
            open_calls.discard(message.get("tool_call_id", ""))
            continue
        if open_calls:
            yield f"message {number} comes before the results of {sorted(open_calls)}"
        ids = [call["id"] for call in message.get("tool_calls") or ()]
        open_calls = set(ids)
        if len(open_calls) < len(ids):
            yield f"message {number} has two calls of one id"
    if open_calls:
        yield f"the results of {sorted(open_calls)} are missing"


def _shape(provider: str, number: int, message: Json) -> Iterator[str]:
    content, calls = message.get("content"), message.get("tool_calls") or ()
    if provider in _STRICT and (more := message.keys() - _FIELDS):
        yield f"message {number} has fields that are not documented: {sorted(more)}"
    if message["role"] == "assistant" and not calls and content is None and not message.get("refusal"):
        yield f"message {number} says nothing"
    if message["role"] == "tool" and isinstance(content, list) and any(p["type"] != "text" for p in content):
        yield f"message {number} is a result that is more than text"
    for call in calls:
        function = call["function"]
        if provider == "openai" and len(call["id"]) > _LONGEST_ID:
            yield f"the id {call['id']} is too long"
        if not _NAME.fullmatch(function["name"]):
            yield f"the name {function['name']} has letters that are not allowed"
        if not isinstance(function["arguments"], str):
            yield f"the arguments of message {number} are no text"
        elif provider not in ("openai", "openrouter") and not function["arguments"].startswith("{"):
            # Templates of open models parse them (vLLM's chat utilities).
            yield f"the arguments of message {number} are no object: {function['arguments']}"


def _tools(body: Json) -> Iterator[str]:
    if body.get("tools") == []:
        yield "tools is empty"
    if not body.get("tools") and (body.get("tool_choice") or body.get("parallel_tool_calls") is not None):
        yield "there are words about tools without tools"
    for tool in body.get("tools") or ():
        if not _NAME.fullmatch(tool["function"]["name"]):
            yield f"the tool {tool['function']['name']} has letters that are not allowed"


def _mistral(messages: list[Json]) -> Iterator[str]:
    """Mistral's 400s on ids ("a-z, A-Z, 0-9, with a length of 9") and on roles and their order."""
    before = ""
    for message in messages:
        role = message["role"]
        ids = [call["id"] for call in message.get("tool_calls") or ()] + [
            message.get("tool_call_id", "000000000")
        ]
        if any(not re.fullmatch(r"[a-zA-Z0-9]{9}", id_) for id_ in ids):
            yield f"an id of {ids} is not nine letters and digits"
        if role not in ("system", "user", "assistant", "tool"):
            yield f"the role {role} is unknown"
        if before == "tool" and role in ("user", "system"):
            yield f"{role} follows a tool"
        if role == "assistant" and not message.get("content") and not message.get("tool_calls"):
            yield "a turn of the assistant holds neither content nor calls"
        before = role
    if before == "assistant" and not messages[-1].get("prefix"):
        yield "the last turn is the assistant's"
    if before == "system":
        yield "the last turn is the system's"


def _deepseek(model: str, body: Json, messages: list[Json]) -> Iterator[str]:
    """DeepSeek's reference (content is a string), and its guide to thinking with tools (reasoning_content goes back)."""
    thinks = "v4" in model and (body.get("thinking") or {}).get("type") != "disabled"
    for number, message in enumerate(messages):
        if message["role"] not in ("system", "user", "assistant", "tool"):
            yield f"the role {message['role']} is unknown"
        if isinstance(message.get("content"), list):
            yield f"the content of message {number} is a list"
        if thinks and message.get("tool_calls") and not isinstance(message.get("reasoning_content"), str):
            yield f"message {number} lacks reasoning_content"


def _openrouter(messages: list[Json]) -> Iterator[str]:
    """OpenRouter's guide "Preserving reasoning": details come back as they were, so none of other makers."""
    for message in messages:
        for detail in message.get("reasoning_details") or ():
            sealed = detail.get("data") or detail.get("signature")
            if sealed and maker_of(sealed) != "openrouter":
                yield f"the detail {sealed} is not ours"
