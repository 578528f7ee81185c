"""Amazon's Converse API, with Claude behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.switching.seals import seal

Json = dict[str, Any]

_WORD = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # ToolUseBlock, ToolSpecification
_TITLE = re.compile(r"[A-Za-z0-9\-()\[\]]+(?:\s[A-Za-z0-9\-()\[\]]+)*")  # DocumentBlock.name
_FORMATS = {"png", "jpeg", "gif", "webp"}  # ImageBlock.format


def complaints(provider: str, model: str, body: Json) -> Iterator[str]:
    turns = body.get("messages") or []
    roles = [turn["role"] for turn in turns]
    if roles != [("user", "assistant")[n % 2] for n in range(len(roles))] or not roles:
        yield f"turns don't alternate from the user on: {roles}"
    asked: list[str] = []
    used = False
    for number, turn in enumerate([*turns, {"role": "user", "content": []}]):
        blocks = turn["content"]
        told = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
        if sorted(told) != sorted(asked):
            yield f"turn {number} answers {told} where {asked} was asked"
        asked = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
        used = used or bool(asked or told)
        if number < len(turns) and not blocks:
            yield f"turn {number} is empty"
        if any("document" in block for block in blocks) and not any("text" in block for block in blocks):
            yield f"turn {number} has a document and no text"
        for block in blocks:
            yield from _block(number, block)
    tools = (body.get("toolConfig") or {}).get("tools") or ()
    if used and not tools:
        yield "blocks of tools, and no toolConfig"
    for tool in tools:
        spec = tool.get("toolSpec")
        if spec and (
            not _WORD.fullmatch(spec["name"]) or spec["inputSchema"]["json"].get("type") != "object"
        ):
            yield f"the tool {spec['name']} has a name or a schema that is not allowed"
    thinking = (body.get("additionalModelRequestFields") or {}).get("thinking") or {}
    if thinking.get("type") == "enabled" and turns and any("toolResult" in b for b in turns[-1]["content"]):
        first = turns[-2]["content"][0]
        if "reasoningContent" not in first:
            yield f"expected a thought, found {sorted(first)}"


def _block(number: int, block: Json) -> Iterator[str]:
    if "text" in block and not block["text"].strip():
        yield f"turn {number} has blank text"
    if "image" in block and block["image"]["format"] not in _FORMATS:
        yield f"an image is {block['image']['format']}"
    if "document" in block and not _TITLE.fullmatch(block["document"]["name"]):
        yield f"a document is called {block['document']['name']}"
    if "toolUse" in block:
        use = block["toolUse"]
        if not _WORD.fullmatch(use["toolUseId"]) or not _WORD.fullmatch(use["name"]):
            yield f"the id {use['toolUseId']} or the name {use['name']} is not allowed"
        if not isinstance(use["input"], dict):
            yield f"the input of {use['toolUseId']} is no object"
    for piece in block.get("toolResult", {}).get("content", ()):
        yield from _block(number, piece)
    thought = block.get("reasoningContent", {}).get("reasoningText")
    if thought is not None and thought.get("signature") != seal("anthropic", thought["text"]):
        yield f"the signature of {thought['text']!r} is not valid"
