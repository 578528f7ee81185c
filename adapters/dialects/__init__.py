"""One module per wire format, found by name."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from adapters.dialect import Dialect

_WHERE = {
    "openai_chat": ("openai_chat", "OPENAI_CHAT"),
    "anthropic_messages": ("anthropic", "ANTHROPIC_MESSAGES"),
    "openai_responses": ("responses", "OPENAI_RESPONSES"),
    "gemini": ("gemini", "GEMINI"),
    "bedrock_converse": ("bedrock", "BEDROCK_CONVERSE"),
}

ALIASES = {
    "openai": "openai_chat",
    "anthropic": "anthropic_messages",
    "responses": "openai_responses",
    "bedrock": "bedrock_converse",
}


@lru_cache
def by_name(name: str) -> Dialect:
    """Returns the one object of dialect `name`; modules are imported at first use. Raises KeyError."""
    try:
        module, attribute = _WHERE[ALIASES.get(name, name)]
    except KeyError:
        raise KeyError(f"dialect {name!r} is not one of {', '.join(_WHERE)}") from None
    dialect: Dialect = getattr(import_module(f"adapters.dialects.{module}"), attribute)
    return dialect
