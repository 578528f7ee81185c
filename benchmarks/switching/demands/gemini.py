"""Google's generateContent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.switching.seals import maker_of

Json = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
# Guide "Thought signatures": for calls that another model made.
_STAND_IN = "skip_thought_signature_validator"


def complaints(provider: str, model: str, body: Json) -> Iterator[str]:
    contents = body.get("contents") or []
    if not contents:
        yield "there are no contents"
    asked = 0
    before = ""
    for number, content in enumerate(contents):
        parts = content.get("parts") or ()
        calls = [part for part in parts if "functionCall" in part]
        told = sum("functionResponse" in part for part in parts)
        if not parts:
            yield f"content {number} is empty"
        if told != asked:
            yield f"content {number} holds {told} responses to {asked} calls"
        if calls and before not in ("user", "function"):
            yield f"content {number} calls, and no turn of the user is before it"
        asked, before = len(calls), content.get("role", "")
        for part in parts:
            yield from _part(number, part)
    if asked:
        yield f"{asked} calls have no responses"
    if "gemini-3" in model:
        yield from _sealed(contents)


def _part(number: int, part: Json) -> Iterator[str]:
    if not part.keys() - {"thought", "thoughtSignature"} or (
        part.get("text") == "" and "thoughtSignature" not in part
    ):
        yield f"content {number} has an empty part"
    mark = part.get("thoughtSignature")
    if mark is not None and mark != _STAND_IN and maker_of(mark) != "gemini":
        yield f"the signature {mark} is not valid"
    call = part.get("functionCall")
    if call is not None and not (_NAME.fullmatch(call["name"]) and isinstance(call.get("args", {}), dict)):
        yield f"the call {call} is not allowed"
    response = part.get("functionResponse")
    if response is not None and not (response.get("name") and isinstance(response.get("response"), dict)):
        yield f"the response {response} has no name or no object"


def _sealed(contents: list[Json]) -> Iterator[str]:
    """From 3 on, the first call of each step since the user spoke last carries a signature."""
    spoken = [
        n for n, c in enumerate(contents) if c["role"] == "user" and any("text" in p for p in c["parts"])
    ]
    for content in contents[(spoken or [0])[-1] :]:
        first = next((part for part in content["parts"] if "functionCall" in part), None)
        if first is not None and not first.get("thoughtSignature"):
            yield f"the call {first['functionCall']['name']} has no signature"
