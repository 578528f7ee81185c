"""What routing reads of a request's body: how long it is, what it holds, and what it asks for.

Fields that only the provider understands are not judged here; it says itself what it doesn't like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from adapters.canonical import Media, Message, Opaque, Request, Text, ToolCall, ToolResult, text_of
from proxy.ingress.errors import invalid
from proxy.routing.body import flag, name_field, positive

_IMAGE_BLOCK = b'"type":"image"'
"""A picture inside a block that only the client's dialect knows."""

_PDF_BYTES_PER_TOKEN = 16
"""A page of text has some 1,500 to 3,000 tokens (Anthropic's guide to PDFs) and 25 to 50 kB as programs write it."""

_UNSEEN_DOCUMENT = 3_000
"""Tokens of a document of which there is only an address or an id."""

_CHARACTERS_PER_TOKEN = 4
_TOKENS_OF_A_TURN = 4
_TOKENS_OF_AN_IMAGE = 800


@dataclass(slots=True, init=False)
class Prompt:
    """What was read of a body. `text` is the last user turn; `characters` counts the whole prompt, tools not included,
    `document_tokens` the `files` that are attached to it, where they were looked at.
    """

    model: str
    stream: bool
    wants_usage: bool
    max_tokens: int | None
    system: str
    text: str
    characters: int
    turns: int
    images: int
    audio: int
    files: bool
    document_tokens: int
    has_tools: bool
    has_schema: bool
    in_tool_loop: bool

    def __init__(self, model: str, text: str = "", *, stream: bool = False) -> None:
        self.model = model
        self.stream = stream
        self.wants_usage = True
        self.max_tokens = None
        self.system = ""
        self.text = text
        self.characters = len(text)
        self.turns = 1
        self.images = 0
        self.audio = 0
        self.files = False
        self.document_tokens = 0
        self.has_tools = False
        self.has_schema = False
        self.in_tool_loop = False

    def tokens(self, document: dict[str, Any]) -> int:
        """Returns about how many tokens the prompt of a body has."""
        # What tools there are is part of the prompt: agents offer dozens, of more text than all else.
        tools = len(orjson.dumps(document["tools"])) if self.has_tools and document.get("tools") else 0
        text = (self.characters + tools) // _CHARACTERS_PER_TOKEN + _TOKENS_OF_A_TURN * self.turns
        return text + _TOKENS_OF_AN_IMAGE * self.images + self.document_tokens + 3


def chat_prompt(document: dict[str, Any]) -> Prompt:
    """Reads a chat-completions body, which most often passes through and is never decoded. Raises Refusal naming the
    field.
    """
    prompt = Prompt(name_field(document.get("model"), "model"))
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("`messages` must be a non-empty list.", "messages")
    _read_messages(prompt, messages)
    prompt.stream = flag(document, "stream")
    options = document.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise invalid("`stream_options` must be an object.", "stream_options")
    prompt.wants_usage = bool(options and options.get("include_usage"))
    prompt.max_tokens = positive(document, "max_completion_tokens") or positive(document, "max_tokens")
    tools = document.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise invalid("`tools` must be a list.", "tools")
    prompt.has_tools = bool(tools)
    form = document.get("response_format")
    if form is not None and not isinstance(form, dict):
        raise invalid("`response_format` must be an object.", "response_format")
    prompt.has_schema = form is not None and form.get("type") not in (None, "text")
    prompt.in_tool_loop = messages[-1].get("role") == "tool"
    return prompt


def _read_messages(prompt: Prompt, messages: list[Any]) -> None:
    prompt.turns = len(messages)
    for position, message in enumerate(messages):
        if not isinstance(message, dict):
            raise invalid(f"`messages[{position}]` must be an object.", f"messages[{position}]")
        role = message.get("role")
        if not isinstance(role, str):
            raise invalid(f"`messages[{position}].role` must be a string.", f"messages[{position}].role")
        content = message.get("content")
        if isinstance(content, str):
            words = content
        elif isinstance(content, list):
            words = _read_parts(prompt, content, position)
        elif content is None:
            words = ""
        else:
            where = f"messages[{position}].content"
            raise invalid(f"`{where}` must be a string, a list of parts, or null.", where)
        prompt.characters += len(words)
        if role == "user":
            prompt.text = words
        elif role in ("system", "developer") and not prompt.system:
            prompt.system = words
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            for call in calls:
                function = call.get("function") if isinstance(call, dict) else None
                if isinstance(function, dict):
                    prompt.characters += len(str(function.get("arguments", "")))


def _read_parts(prompt: Prompt, content: list[Any], position: int) -> str:
    pieces = []
    for number, part in enumerate(content):
        if not isinstance(part, dict):
            where = f"messages[{position}].content[{number}]"
            raise invalid(f"`{where}` must be an object.", where)
        kind = part.get("type")
        if kind == "text":
            pieces.append(str(part.get("text", "")))
        elif kind == "image_url":
            prompt.images += 1
        elif kind == "input_audio":
            prompt.audio += 1
        elif kind in {"file", "document_url"}:
            prompt.files = True
    return "\n".join(pieces)


def canonical_prompt(request: Request) -> Prompt:
    """Reads a request of any other dialect, which was decoded."""
    prompt = Prompt(request.model, stream=request.stream)
    prompt.max_tokens = request.max_tokens
    prompt.turns = len(request.messages)
    prompt.has_tools = bool(request.tools)
    prompt.has_schema = request.output_format is not None
    for message in request.messages:
        _read_message(prompt, message)
    prompt.files = prompt.document_tokens > 0
    last = request.messages[-1] if request.messages else None
    prompt.in_tool_loop = last is not None and any(isinstance(part, ToolResult) for part in last.parts)
    return prompt


def _read_message(prompt: Prompt, message: Message) -> None:
    words = text_of(message.parts)
    prompt.characters += len(words)
    for part in message.parts:
        if isinstance(part, Media):
            prompt.images += part.kind == "image"
            prompt.audio += part.kind == "audio"
            prompt.document_tokens += _tokens_of(part)
        elif isinstance(part, ToolCall):
            prompt.characters += len(part.arguments)
        elif isinstance(part, ToolResult):
            for inner in part.content:
                if isinstance(inner, Text):
                    prompt.characters += len(inner.text)
                else:
                    prompt.images += inner.kind == "image"
                    prompt.document_tokens += _tokens_of(inner)
        elif isinstance(part, Opaque):
            block = orjson.dumps(part.raw)
            prompt.characters += len(block)
            prompt.images += block.count(_IMAGE_BLOCK)
    if message.role == "user" and words:
        prompt.text = words
    elif message.role in ("system", "developer") and not prompt.system:
        prompt.system = words


def _tokens_of(part: Media) -> int:
    """Returns about how many tokens a document has: text as text is counted, anything else by its size."""
    if part.kind != "file":
        return 0
    if part.data is None:
        return _UNSEEN_DOCUMENT
    size = len(part.data) * 3 // 4
    if (part.media_type or "").startswith("text/"):
        return 1 + size // _CHARACTERS_PER_TOKEN
    return 1 + size // _PDF_BYTES_PER_TOKEN
