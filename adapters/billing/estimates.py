"""How many tokens a text has that nobody counted: by its bytes, and by whose tokeniser reads it.

Bytes, as tokenisers see them: a letter beyond ASCII has two to four, and takes more tokens in that ratio.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import orjson

USUAL: Final = 4.2
"""Bytes a token, of a model that none of these names."""

_FAMILIES: Final = tuple(
    (re.compile(pattern), rate)
    for pattern, rate in (
        # Measured on recorded answers of prose, without tool calls and reasoning (tests/adapters/test_estimates.py says
        # how): o200k 4.8, cl100k 4.5, Claude to 4.6 4.4, Gemini 4.6, Llama 4.1, Mistral 4.1, DeepSeek 4.1, Command 4.4.
        (r"gpt-(?:4o|4\.1|[5-9])|chatgpt|\bo[134]\b|gpt-oss", 4.8),
        (r"gpt-(?:4|3)", 4.5),
        # "up to 1.35x more tokens" than before: https://platform.claude.com/docs/en/about-claude/models, 2026-05.
        (r"claude-(?:opus-4[.-][7-9]|(?:opus|sonnet|haiku)-[5-9]|fable|mythos)", 3.4),
        (r"claude", 4.4),
        (r"gemini|gemma", 4.6),
        (r"llama|mistral|mixtral|ministral|codestral|devstral|magistral|deepseek", 4.1),
        (r"command|cohere", 4.4),
        (r"palmyra", 2.4),
    )
)

_PER_MESSAGE: Final = 4
"""Tokens around each message, its role among them."""

_IMAGE: Final = 800
"""Tokens: 765 for a square of 1,024 points of OpenAI, up to 1,600 of Anthropic, 258 a tile of Gemini."""

_SMALL_IMAGE: Final = 85
"""Of OpenAI where `detail` is low."""

_BYTES_PER_S, _TOKENS_PER_S = 16_000, 20
"""Of sound: compressed speech; 10 tokens of OpenAI, 32 of Gemini."""

_BYTES_PER_PAGE, _TOKENS_PER_PAGE = 50_000, 1_500
"""Of documents."""

_SAID: Final = (
    "messages",
    "system",
    "instructions",
    "input",
    "prompt",
    "contents",
    "systemInstruction",
    "message",
)
_WHOLE: Final = ("tools", "functions", "response_format", "text", "output_format", "toolConfig")
_SILENT: Final = frozenset(
    {"type", "role", "id", "call_id", "tool_call_id", "tool_use_id", "cache_control", "detail"}
)


@lru_cache(maxsize=1024)
def bytes_per_token(model: str) -> float:
    """Returns how many bytes of text a token of the model has, by its name."""
    name = model.lower()
    return next((rate for pattern, rate in _FAMILIES if pattern.search(name)), USUAL)


def size_of(text: str) -> int:
    """Returns the bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def prompt_tokens(document: dict[str, Any], model: str) -> int:
    """Returns the tokens of a request's body, of whatever dialect: texts, tools, images, sound and documents."""
    size = tokens = 0
    for name in _SAID:
        if (value := document.get(name)) is not None:
            more, counted = _measure(value)
            size += more
            tokens += counted
    for name in _WHOLE:
        if value := document.get(name):
            size += len(orjson.dumps(value)) if not isinstance(value, str) else 0
    return tokens + round(size / bytes_per_token(model))


def _measure(value: Any) -> tuple[int, int]:
    """Returns (bytes of text, tokens of all else)."""
    size = tokens = 0
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            size += size_of(item)
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            media = _media_tokens(item)
            if media is not None:
                tokens += media
                continue
            if "role" in item:
                tokens += _PER_MESSAGE
            waiting.extend(inner for name, inner in item.items() if name not in _SILENT)
    return size, tokens


def _media_tokens(part: dict[str, Any]) -> int | None:
    """Returns the tokens of a part that is no text, None for any other."""
    kind = part.get("type")
    if kind in ("image_url", "input_image", "image") or "image" in part:
        where = part.get("image_url")
        low = part.get("detail") == "low" or (isinstance(where, dict) and where.get("detail") == "low")
        return _SMALL_IMAGE if low else _IMAGE
    if kind in ("input_audio", "audio"):
        return round(_bytes_in(part) / _BYTES_PER_S * _TOKENS_PER_S)
    if kind in ("file", "input_file", "document", "document_url"):
        source = part.get("source")
        if isinstance(source, dict) and source.get("type") in ("text", "content"):
            return None  # what it holds is text
        return max(1, round(_bytes_in(part) / _BYTES_PER_PAGE)) * _TOKENS_PER_PAGE
    for name in ("inlineData", "inline_data", "fileData", "file_data"):
        data = part.get(name)
        if isinstance(data, dict):
            mime = str(data.get("mimeType") or data.get("mime_type") or "")
            if mime.startswith("audio/"):
                return round(_bytes_in(data) / _BYTES_PER_S * _TOKENS_PER_S)
            if mime.startswith("image/"):
                return _IMAGE
            return max(1, round(_bytes_in(data) / _BYTES_PER_PAGE)) * _TOKENS_PER_PAGE
    return None


def _bytes_in(part: Any) -> float:
    """Returns the bytes that a part holds in base64, whose longest text that is."""
    longest = 0
    waiting = [part]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            longest = max(longest, len(item))
        elif isinstance(item, dict):
            waiting.extend(item.values())
    return longest * 0.75
