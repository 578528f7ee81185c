"""Pictures and documents in the form that a vendor takes; where it takes none, the arm is not for this request.

Nothing is fetched: an address goes to a vendor that fetches it itself, or the arm is ineligible.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.canonical import Media, Message, Part, RefusalText, Request, Text, ToolResult
from adapters.dialects.shared.data_urls import split_data_url
from adapters.errors import Inexpressible
from adapters.portable.media_types import is_text, plain_type, text_of, type_of, type_of_name, unescaped
from adapters.portable.takes import PDF, Takes, owner_of_ids, takes

_ENDINGS = {PDF: "pdf", "text/plain": "txt", "text/csv": "csv", "text/html": "html", "text/markdown": "md"}
_BEHIND_ADDRESSES = {"image": "image/jpeg", "file": PDF, "video": "video/mp4", "audio": "audio/mpeg"}
"""What an address most likely points to whose ending doesn't say."""


def shown(request: Request, provider: str, dialect: str) -> Request:
    """Returns the request as the provider takes what it shows, the same object where nothing differs. Raises Inexpressible."""
    if not _shows(request):
        return request
    rules = takes(provider, dialect)
    messages = tuple(_message(message, request, rules, dialect) for message in request.messages)
    same = all(new is old for new, old in zip(messages, request.messages, strict=True))
    return request if same else replace(request, messages=messages)


def _shows(request: Request) -> bool:
    """Is there anything but words and calls? Most requests end here."""
    for message in request.messages:
        for part in message.parts:
            if not isinstance(part, Text) and isinstance(part, Media | ToolResult | RefusalText):
                return True
    return False


def _message(message: Message, request: Request, rules: Takes, dialect: str) -> Message:
    parts: list[Part] = []
    changed = False
    for part in message.parts:
        piece: Part = part
        if isinstance(part, Media):
            piece = _media(part, request, rules, dialect)
        elif isinstance(part, ToolResult):
            piece = _result(part, request, rules, dialect)
        elif isinstance(part, RefusalText) and not rules.refusals:
            piece = Text(part.text)
        changed = changed or piece is not part
        parts.append(piece)
    return replace(message, parts=tuple(parts)) if changed else message


def _result(result: ToolResult, request: Request, rules: Takes, dialect: str) -> ToolResult:
    content = tuple(
        _media(piece, request, rules, dialect) if isinstance(piece, Media) else piece
        for piece in result.content
    )
    same = all(new is old for new, old in zip(content, result.content, strict=True))
    return result if same else replace(result, content=content)


def _media(part: Media, request: Request, rules: Takes, dialect: str) -> Media | Text:
    if part.url is not None and part.url.startswith("data:"):
        inline = split_data_url(part.url) or unescaped(part.url)
        if inline is None:
            raise Inexpressible(f"{part.kind} with a broken data URL")
        part = replace(part, url=None, media_type=inline[0] or part.media_type, data=inline[1])
    if part.file_id is not None:
        return _by_id(part, request, rules, dialect)
    if part.kind not in ("image", "file"):
        return part
    if part.url is not None:
        return _by_url(part, part.url, rules)
    kind = type_of(part.data or "", part.media_type, part.name)
    if part.kind == "file" and kind.startswith("image/"):
        part = Media("image", data=part.data, media_type=kind, cache=part.cache)
    return _image(part, kind, rules) if part.kind == "image" else _file(part, kind, rules)


def _by_id(part: Media, request: Request, rules: Takes, dialect: str) -> Media:
    """A file that was uploaded is there for its vendor alone. A history's own speech is told by the text around it."""
    if request.dialect != dialect and owner_of_ids(request.dialect) != rules.ids:
        raise Inexpressible(f"{part.kind} by a file id of another vendor (send its content)")
    if part.kind == "file" and rules.files == frozenset():
        raise Inexpressible("files (it takes none)")
    return part


def _by_url(part: Media, url: str, rules: Takes) -> Media:
    allowed = rules.image_urls if part.kind == "image" else rules.file_urls
    if not allowed:
        raise Inexpressible(f"{part.kind} by URL (only its content is taken: send it as base64)")
    if rules.typed_urls and part.media_type is None:
        return replace(part, media_type=type_of_name(url) or _BEHIND_ADDRESSES[part.kind])
    return part


def _image(part: Media, kind: str, rules: Takes) -> Media:
    kind = kind or "image/png"
    if rules.images is not None and kind not in rules.images:
        raise Inexpressible(f"images of type {kind} (it takes {', '.join(sorted(rules.images)) or 'none'})")
    return part if kind == part.media_type else replace(part, media_type=kind)


def _file(part: Media, kind: str, rules: Takes) -> Media | Text:
    kind = kind or plain_type(part.media_type) or PDF
    if is_text(kind) and (rules.files is None or kind not in rules.files):
        if rules.files is not None and "text/plain" in rules.files:
            kind = "text/plain"
        else:
            return _as_text(part, kind)
    if rules.files is not None and kind not in rules.files:
        raise Inexpressible(f"files of type {kind} (it takes {', '.join(sorted(rules.files)) or 'none'})")
    name = part.name
    if rules.named and not name:
        ending = _ENDINGS.get(kind)
        name = f"document.{ending}" if ending else "document"
    return part if (kind, name) == (part.media_type, part.name) else replace(part, media_type=kind, name=name)


def _as_text(part: Media, kind: str) -> Text:
    text = text_of(part.data or "")
    if text is None:
        raise Inexpressible(f"files of type {kind} that are not UTF-8")
    return Text(f"{part.name}:\n{text}" if part.name else text, part.cache)
