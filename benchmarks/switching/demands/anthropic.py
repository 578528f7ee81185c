"""Anthropic's Messages API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.switching.seals import maker_of, seal

Json = dict[str, Any]

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")


def complaints(provider: str, model: str, body: Json) -> Iterator[str]:
    turns = [(m["role"], _blocks(m)) for m in body.get("messages") or ()]
    if not turns or turns[0][0] != "user":
        yield "the first turn is not the user's"
    if not isinstance(body.get("max_tokens"), int):
        yield "max_tokens is missing"
    yield from _loops(turns)
    names: set[str] = set()
    ids: set[str] = set()
    for number, (role, blocks) in enumerate(turns):
        if role not in ("user", "assistant"):
            yield f"turn {number} has the role {role}"
        if not blocks:
            yield f"turn {number} is empty"
        for block in blocks:
            yield from _block(number, block, ids, names)
    yield from _tools(body, names)
    yield from _thinking(body, turns)
    if turns and turns[-1][0] == "assistant" and turns[-1][1]:
        said = turns[-1][1][-1].get("text", "")
        if said != said.rstrip():
            yield "the last turn ends in white space"


def _blocks(message: Json) -> list[Json]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _loops(turns: list[tuple[str, list[Json]]]) -> Iterator[str]:
    """Guide "Handle tool calls": the next turn begins with one result for each call, and no others."""
    asked: list[str] = []
    for number, (_, blocks) in enumerate([*turns, ("user", [])]):
        leading = 0
        while leading < len(blocks) and blocks[leading]["type"] == "tool_result":
            leading += 1
        told = [block["tool_use_id"] for block in blocks[:leading]]
        if sorted(told) != sorted(asked):
            yield f"turn {number} answers {told} where {asked} was asked"
        if any(block["type"] == "tool_result" for block in blocks[leading:]):
            yield f"turn {number} has a result behind other words"
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]


def _block(number: int, block: Json, ids: set[str], names: set[str]) -> Iterator[str]:
    """The API's 400s on text, ids, input and signatures."""
    kind = block["type"]
    if kind == "text" and not block["text"].strip():
        yield f"turn {number} has blank text"
    elif kind == "tool_result":
        for piece in block.get("content") or () if not isinstance(block.get("content"), str) else ():
            yield from _block(number, piece, ids, names)
    elif kind == "tool_use":
        if not _ID.fullmatch(block["id"]) or block["id"] in ids:
            yield f"the id {block['id']} is not allowed, or not the only one"
        if not isinstance(block["input"], dict):
            yield f"the input of {block['id']} is no object"
        ids.add(block["id"])
        names.add(block["name"])
    elif kind == "thinking" and block.get("signature") != seal("anthropic", block["thinking"]):
        yield f"the signature of {block['thinking']!r} is not valid: {block.get('signature')}"
    elif kind == "redacted_thinking" and maker_of(block["data"]) != "anthropic":
        yield f"the data {block['data']} is not ours"


def _tools(body: Json, called: set[str]) -> Iterator[str]:
    names = [tool["name"] for tool in body.get("tools") or ()]
    if called and not names:
        yield "blocks of tools, and no tools"
    if len(set(names)) < len(names):
        yield "two tools of one name"
    if any(not _NAME.fullmatch(name) for name in [*names, *called]):
        yield f"a name of {names} has letters that are not allowed"
    if any((tool.get("input_schema") or {}).get("type") != "object" for tool in body.get("tools") or ()):
        yield "the schema of a tool is of no type"
    if body.get("tool_choice") and not names:
        yield "a choice without tools"


def _thinking(body: Json, turns: list[tuple[str, list[Json]]]) -> Iterator[str]:
    """Guide "Extended thinking": with a budget, the turn that called the tools begins with a thought."""
    if (body.get("thinking") or {}).get("type") != "enabled" or len(turns) < 2:
        return
    if any(block["type"] == "tool_result" for block in turns[-1][1]):
        first = turns[-2][1][0]["type"]
        if first not in ("thinking", "redacted_thinking"):
            yield f"expected a thought, found {first}"
