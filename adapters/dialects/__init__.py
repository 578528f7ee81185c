"""One module per wire format, found by name and loaded when first used."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from adapters.dialect import Dialect

_WHERE = {
    "openai_chat": ("openai_chat", "OPENAI_CHAT"),
    "anthropic": ("anthropic", "ANTHROPIC"),
    "gemini": ("gemini", "GEMINI"),
    "responses": ("responses", "RESPONSES"),
    "bedrock": ("bedrock", "BEDROCK"),
    "cohere": ("cohere", "COHERE"),
}

DIALECTS = tuple(_WHERE)
"""The names of all dialects of chat."""


@cache
def by_name(name: str) -> Dialect:
    """Returns the dialect. Raises KeyError for a name that isn't in `DIALECTS`."""
    module, attribute = _WHERE[name]
    return cast("Dialect", getattr(import_module(f"adapters.dialects.{module}"), attribute))
