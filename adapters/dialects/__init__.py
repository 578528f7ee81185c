"""One package or module per wire format, found by name and loaded when first used."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from adapters.dialect import Dialect

_WHERE = {
    "openai_chat": ("openai_chat.dialect", "OPENAI_CHAT"),
    "anthropic_messages": ("anthropic.dialect", "ANTHROPIC_MESSAGES"),
    "gemini": ("gemini.dialect", "GEMINI"),
    "openai_responses": ("responses.dialect", "OPENAI_RESPONSES"),
    "bedrock": ("bedrock.dialect", "BEDROCK_CONVERSE"),
    "cohere": ("cohere.dialect", "COHERE"),
    "openai_completions": ("openai_completions", "COMPLETIONS"),
}

DIALECTS = tuple(_WHERE)
"""The names of all dialects that answer with text."""


@cache
def by_name(name: str) -> Dialect:
    """Returns the dialect. Raises KeyError for a name that isn't in `DIALECTS`."""
    module, attribute = _WHERE[name]
    return cast("Dialect", getattr(import_module(f"adapters.dialects.{module}"), attribute))
