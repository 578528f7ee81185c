"""Tools that a vendor runs itself, at another vendor: left out, unless the client insists on them."""

from __future__ import annotations

from dataclasses import replace

from adapters.canonical import BuiltinTool, Json, Tool, ToolChoice
from adapters.errors import Inexpressible

Offer = tuple[tuple[Tool | BuiltinTool, ...], ToolChoice | None]


def offered(
    tools: tuple[Tool | BuiltinTool, ...], choice: ToolChoice | None, forced: Json | None, dropped: list[str]
) -> Offer:
    """Returns the functions among `tools`, and the choice between them. `forced` is a choice in words of the client's
    dialect alone. Raises Inexpressible where a tool must be called that is left out.
    """
    functions = [tool for tool in tools if isinstance(tool, Tool)]
    left_out = [name_of(tool) for tool in tools if isinstance(tool, BuiltinTool)]
    for name in left_out:
        note(dropped, name)
    for tool in functions:
        if tool.raw is not None and tool.raw.get("defer_loading"):
            note(dropped, "defer_loading")
    if forced is not None:
        choice, allowed = _read(forced)
        if allowed is not None:
            functions = [tool for tool in functions if not allowed.isdisjoint(_names(tool))]
    if choice is not None:
        names = {tool.name for tool in functions}
        if choice.mode == "one" and choice.name not in names and choice.name in left_out:
            raise Inexpressible(f"tool_choice {choice.name} (only the vendor itself has that tool)")
        if choice.mode == "required" and not functions and left_out:
            raise Inexpressible(f"tool_choice required (only the vendor itself has {left_out[0]})")
        if not functions and left_out:
            choice = None
    return tuple(
        tool if tool.raw is None else replace(tool, raw=None, within=None) for tool in functions
    ), choice


def note(dropped: list[str], name: str) -> None:
    """Notes what was left out, once."""
    if name not in dropped:
        dropped.append(name)


def name_of(tool: BuiltinTool) -> str:
    """Returns what a client calls a vendor's tool."""
    raw = tool.raw
    for key in ("name", "type"):
        if isinstance(raw.get(key), str):
            return str(raw[key])
    return next(iter(raw), "tool")


def _names(tool: Tool) -> set[str]:
    """A tool of a namespace is allowed by its own name, or with all of the namespace."""
    names = {tool.name}
    if tool.raw is not None:
        names |= {str(tool.raw.get(key)) for key in ("name", "type") if tool.raw.get(key)}
    if tool.within is not None:
        names.add(tool.within)
    return names


def _read(raw: Json) -> tuple[ToolChoice | None, frozenset[str] | None]:
    """Returns the choice, and the names of the tools that may be called if not all may."""
    kind = raw.get("type")
    inner = raw.get(str(kind))
    if kind == "allowed_tools":
        given = inner if isinstance(inner, dict) else raw
        listed = given.get("tools")
        allowed = frozenset(_chosen(entry) for entry in listed or () if isinstance(entry, dict))
        return ToolChoice("required" if given.get("mode") == "required" else "auto"), allowed
    return ToolChoice("one", _chosen(raw)), None


def _chosen(raw: Json) -> str:
    inner = raw.get(str(raw.get("type")))
    for given in (raw, inner):
        if isinstance(given, dict) and isinstance(given.get("name"), str):
            return str(given["name"])
    return str(raw.get("type"))
