"""Translates a request between two dialects; see the package."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters.canonical import BuiltinTool, Message, Opaque, Part, Request, Text, ToolCall, ToolResult
from adapters.portable.google import of_google
from adapters.portable.hints import LACKS, is_hint
from adapters.portable.retold import retold
from adapters.portable.tools import note, offered


def portable(request: Request, dialect: str) -> Request:
    """Returns the request for a vendor that speaks `dialect`, the same object where nothing stands in its way. Raises
    Inexpressible for what the vendor would have to know and can't.
    """
    if request.dialect == dialect:
        return request
    changes: dict[str, Any] = {}
    forced = None
    if request.extras:
        extras = dict(request.extras)
        forced = extras.pop("tool_choice", None)
        if request.dialect == "gemini":
            forced = of_google(extras)
        for name in extras:
            if is_hint(name, request.dialect):
                note(request.dropped, name)
        changes["extras"] = {}
    for name in LACKS.get(dialect, ()):
        if getattr(request, name) is not None:
            note(request.dropped, name)
    if forced is not None or any(isinstance(t, BuiltinTool) or t.raw is not None for t in request.tools):
        forced = forced if isinstance(forced, dict) else None
        tools, choice = offered(request.tools, request.tool_choice, forced, request.dropped)
        changes["tools"], changes["tool_choice"] = tools, choice
        if not tools:
            changes["parallel_tool_calls"] = None
    if _has_own(request):
        changes["messages"] = tuple(changed for message in request.messages for changed in _told(message))
    return replace(request, **changes) if changes else request


def _has_own(request: Request) -> bool:
    """Is there anything that only the client's dialect has words for?"""
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                continue
            if isinstance(part, Opaque):
                return True
            if isinstance(part, ToolCall | ToolResult) and part.raw is not None:
                return True
    return False


def _told(message: Message) -> list[Message]:
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, Opaque):
            parts += retold(part)
        elif isinstance(part, ToolCall | ToolResult) and part.raw is not None:
            parts.append(replace(part, raw=None))
        else:
            parts.append(part)
    if not parts and message.parts:
        return []
    role = message.role
    if role == "tool" and not any(isinstance(part, ToolResult) for part in parts):
        role = "user"
    return [replace(message, role=role, parts=tuple(parts))]
