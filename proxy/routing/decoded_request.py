"""A canonical request as routing sees it: for the dialects that are decoded before they are routed."""

from __future__ import annotations

from typing import Any

import orjson

from adapters.canonical import Media, Opaque, Request, Text, ToolCall, ToolResult, text_of
from adapters.dialect import Dialect
from adapters.errors import InvalidRequest
from proxy.ingress.errors import invalid
from proxy.ingress.request import Incoming
from proxy.routing.request import ClientRequest, assemble, name_field, travelling

_IMAGE_BLOCK = b'"type":"image"'
"""A picture inside a block that only the client's dialect knows."""

_PDF_BYTES_PER_TOKEN = 16
"""A page of text is some 1,500 to 3,000 tokens, says Anthropic's guide to PDFs, and 25 to 50 kB as programs write it."""

_UNSEEN_DOCUMENT = 3_000
"""Tokens of a document that only its address or id is known of."""


def _tokens_of(part: Media) -> int:
    """Returns about how many tokens a document has: text as text is counted, anything else by its size."""
    if part.kind != "file":
        return 0
    if part.data is None:
        return _UNSEEN_DOCUMENT
    size = len(part.data) * 3 // 4
    return 1 + (size // 4 if (part.media_type or "").startswith("text/") else size // _PDF_BYTES_PER_TOKEN)


def decoded_request(
    http: Incoming, raw: bytes, document: dict[str, Any], dialect: Dialect
) -> tuple[ClientRequest, Request]:
    """Decodes a body of `dialect`. Raises Refusal naming the field."""
    name_field(document.get("model"), "model")
    try:
        canonical = dialect.decode_request(travelling(document))
    except InvalidRequest as error:
        raise invalid(error.message, error.field) from None
    system = text = ""
    characters = images = audio = documents = 0
    for message in canonical.messages:
        words = text_of(message.parts)
        characters += len(words)
        for part in message.parts:
            if isinstance(part, Media):
                images += part.kind == "image"
                audio += part.kind == "audio"
                documents += _tokens_of(part)
            elif isinstance(part, ToolCall):
                characters += len(part.arguments)
            elif isinstance(part, ToolResult):
                characters += sum(len(inner.text) for inner in part.content if isinstance(inner, Text))
                images += sum(isinstance(inner, Media) and inner.kind == "image" for inner in part.content)
                documents += sum(_tokens_of(inner) for inner in part.content if isinstance(inner, Media))
            elif isinstance(part, Opaque):
                told = orjson.dumps(part.raw)
                characters += len(told)
                images += told.count(_IMAGE_BLOCK)
        if message.role == "user" and words:
            text = words
        elif message.role in ("system", "developer") and not system:
            system = words
    last = canonical.messages[-1] if canonical.messages else None
    request = assemble(
        http,
        raw,
        document,
        model=canonical.model,
        stream=canonical.stream,
        wants_usage=True,
        max_tokens=canonical.max_tokens,
        system=system,
        text=text,
        characters=characters,
        turns=len(canonical.messages),
        has_tools=bool(canonical.tools),
        has_images=images > 0,
        has_audio=audio > 0,
        has_schema=canonical.output_format is not None,
        images=images,
        in_tool_loop=last is not None and any(isinstance(part, ToolResult) for part in last.parts),
    )
    request.input_tokens += documents
    request.files = documents > 0
    request.dialect = dialect.name
    request.canonical = canonical
    return request, canonical
