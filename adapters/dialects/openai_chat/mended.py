"""What careless servers leave out of a stream of OpenAI's chat, and clients rely on."""

from __future__ import annotations

from typing import Any

import orjson

from adapters.canonical import Json


def mended_calls(choices: object, places: dict[object, int]) -> bool | None:
    """Numbers calls without an index, and turns arguments that are an object into text; in place. Returns whether
    something changed, None where there are no calls. `places` are the numbers of calls so far, by choice and id.
    """
    found: bool | None = None
    for choice in choices if isinstance(choices, list) else ():
        delta = choice.get("delta") if isinstance(choice, dict) else None
        calls = delta.get("tool_calls") if isinstance(delta, dict) else None
        if not isinstance(calls, list) or not calls:
            continue
        found = found or False
        number = choice.get("index")
        for call in calls:
            if isinstance(call, dict):
                found |= _mend(call, number if isinstance(number, int) else 0, places)
    return found


def _mend(call: Json, choice: int, places: dict[object, int]) -> bool:
    changed = False
    if not isinstance(call.get("index"), int):
        named = call.get("id")
        last = places.get(choice, -1)
        place = max(last, 0)  # one that goes on
        if isinstance(named, str) and named:
            place = places.setdefault((choice, named), last + 1)
        places[choice] = max(last, place)
        call["index"] = place
        changed = True
    function = call.get("function")
    if isinstance(function, dict) and not isinstance(function.get("arguments"), str | None):
        function["arguments"] = orjson.dumps(function["arguments"]).decode()
        changed = True
    return changed


def finish_chunk(last: Json, *, called: bool) -> bytes:
    """Returns the event that a stream lacked which told no finish reason; `last` is an event of it."""
    choice: Json = {"index": 0, "finish_reason": "tool_calls" if called else "stop"}
    is_text = last.get("object") == "text_completion"
    choice[("text" if is_text else "delta")] = "" if is_text else {}
    head: dict[str, Any] = {name: last[name] for name in ("id", "object", "created", "model") if name in last}
    return b"data: " + orjson.dumps({**head, "choices": [choice]}) + b"\n\n"
