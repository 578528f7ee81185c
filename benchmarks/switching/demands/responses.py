"""OpenAI's Responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.switching.seals import maker_of

Json = dict[str, Any]

_LONGEST_ID = 64
_PREFIX = {"function_call": "fc", "reasoning": "rs", "message": "msg"}


def complaints(provider: str, model: str, body: Json) -> Iterator[str]:
    """The API's 400s on items: ids, pairs of calls and outputs, encrypted content, parts of either speaker."""
    given = body.get("input")
    items: list[Json] = given if isinstance(given, list) else []
    if not given:
        yield "there is no input"
    asked = [item["call_id"] for item in items if item.get("type") == "function_call"]
    told = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    if sorted(set(asked)) != sorted(set(told)):
        yield f"outputs {told} for calls {asked}"
    for item in items:
        kind = item.get("type", "message")
        if len(item.get("call_id", "")) > _LONGEST_ID:
            yield f"the id {item['call_id']} is too long"
        if item.get("id") and kind in _PREFIX and not item["id"].startswith(_PREFIX[kind]):
            yield f"the id {item['id']} of a {kind} is not ours"
        if kind == "reasoning" and maker_of(item.get("encrypted_content")) != "openai":
            yield f"the encrypted content of {item.get('id')} could not be verified"
        for part in item["content"] if isinstance(item.get("content"), list) else ():
            spoken = part["type"] in ("output_text", "refusal")
            if spoken != (item.get("role") == "assistant"):
                yield f"{part['type']} is said by {item.get('role')}"
    if not body.get("tools") and (body.get("tool_choice") or body.get("parallel_tool_calls") is not None):
        yield "there are words about tools without tools"
