"""What an earlier turn held that only one dialect has a word for, in words that everybody reads.

What a vendor's own tools did is told as text, so that the next model doesn't do it again; what can't be read without its
vendor (a stored item, a sealed summary) makes the arm ineligible.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from adapters.canonical import Json, Media, Opaque, Part, Text
from adapters.errors import Inexpressible

LONGEST = 20_000
"""Characters of one result that are told again; a page that was fetched may have megabytes."""

_STORED = "it is stored at the vendor alone; send the item itself"
_SEALED = "only the vendor that sealed it can read it"
_UNREADABLE = {
    "item_reference": _STORED,
    "compaction": _SEALED,
    "compaction_summary": _SEALED,
    "compaction_trigger": _SEALED,
    "container_upload": _STORED,
}
_SILENT = frozenset({"mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "tool_search_call"})
"""Items that hold nothing which a model without the tool could use."""


def retold(part: Opaque) -> tuple[Part, ...]:
    """Returns the same in words, nothing where there is nothing to know. Raises Inexpressible."""
    raw = part.raw
    kind = raw.get("type")
    if not isinstance(kind, str):
        return _parts_of_gemini(raw)
    if kind in _UNREADABLE:
        raise Inexpressible(f"{kind} ({_UNREADABLE[kind]})")
    if kind in _SILENT or kind == "tool_search_output":
        return ()
    if kind == "search_result":
        return (Text(_joined([raw.get("title"), raw.get("source"), *_words(raw.get("content"))])),)
    if kind == "document":
        return _document(raw)
    if kind == "tool_reference":
        return (Text(f"The tool {raw.get('tool_name')} can be called now."),)
    if kind in ("server_tool_use", "mcp_tool_use"):
        return (Text(_used(str(raw.get("name")), raw.get("input"))),)
    if kind.endswith("tool_result"):
        return (Text(_result(kind.removesuffix("_tool_result"), raw.get("content"))),)
    if kind == "image_generation_call":
        return _generated(raw)
    if kind == "computer_call_output":
        return _screen(raw)
    if kind.endswith("_output"):
        return (Text(_result(kind.removesuffix("_call_output"), raw.get("output"))),)
    if kind.endswith("_call"):
        given = {k: v for k, v in raw.items() if k in _TOLD_OF_CALLS and v}
        return (Text(_used(kind.removesuffix("_call"), given)),)
    raise Inexpressible(kind)


_TOLD_OF_CALLS = frozenset(
    {"action", "arguments", "code", "input", "name", "output", "outputs", "queries", "results", "error"}
)


def _used(name: str, given: object) -> str:
    return f"[{name}: {_json(given)}]" if given else f"[{name}]"


def _result(name: str, content: object) -> str:
    return f"[Result of {name}: {_joined(_words(content))[:LONGEST]}]"


def _words(content: object) -> Iterable[object]:
    """Returns what can be read of a result: texts, titles and addresses, or the whole as JSON."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        inner = [
            content[key]
            for key in ("title", "url", "text", "stdout", "stderr", "error_code")
            if content.get(key)
        ]
        more = content.get("content")
        if not inner and not isinstance(more, dict | list):
            yield _json({k: v for k, v in content.items() if not k.startswith("encrypted_")})
            return
        yield from inner
        if isinstance(more, dict | list):
            yield from _words(more)
        source = content.get("source")
        if isinstance(source, dict) and source.get("type") == "text":
            yield source.get("data")
    elif isinstance(content, list):
        for entry in content:
            yield from _words(entry)
    elif content is not None:
        yield _json(content)


def _joined(pieces: Iterable[object]) -> str:
    return "\n".join(str(piece) for piece in pieces if piece)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()[:LONGEST]


def _document(raw: Json) -> tuple[Part, ...]:
    """A document with what only Anthropic's has beside it, or one that is made of parts."""
    source = raw.get("source")
    source = source if isinstance(source, dict) else {}
    head = [Text(f"{name.capitalize()}: {raw[name]}") for name in ("title", "context") if raw.get(name)]
    kind, data = source.get("type"), source.get("data")
    title = raw.get("title")
    name = title if isinstance(title, str) else None
    if kind == "content":
        content = source.get("content")
        return (*head, Text(_joined(_words(content))), *_pictures(content))
    about = [part for part in head if not part.text.startswith("Title:")]
    if kind == "text":
        return (*head, Text(str(data)))
    if kind == "base64" and isinstance(data, str):
        return (*about, Media("file", data=data, media_type=str(source.get("media_type")), name=name))
    if kind == "url":
        return (*about, Media("file", url=str(source.get("url")), name=name))
    return (*about, Media("file", file_id=str(source.get("file_id")), name=name))


def _pictures(content: object) -> Iterable[Part]:
    for block in content if isinstance(content, list) else ():
        match block:
            case {"type": "image", "source": {"type": "base64", "data": str(data), "media_type": str(kind)}}:
                yield Media("image", data=data, media_type=kind)
            case {"type": "image", "source": {"type": "url", "url": str(url)}}:
                yield Media("image", url=url)


def _generated(raw: Json) -> tuple[Part, ...]:
    prompt = raw.get("revised_prompt")
    return (Text(_used("image_generation", {"revised_prompt": prompt} if prompt else None)),)


def _screen(raw: Json) -> tuple[Part, ...]:
    return (Text("[Result of computer: a picture of the screen]"),) if raw.get("output") else ()


def _parts_of_gemini(raw: Json) -> tuple[Part, ...]:
    match raw:
        case {"executableCode": {"code": str(code)}}:
            return (Text(_used("code_execution", code)),)
        case {"codeExecutionResult": dict(done)}:
            return (Text(_result("code_execution", done.get("output") or done.get("outcome"))),)
    raise Inexpressible(f"content of {next(iter(raw), 'another dialect')}")
