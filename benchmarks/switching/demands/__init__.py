"""What vendors demand of a history, checked on bodies. Written down apart from the gateway, which must satisfy it.

Each rule names where it is said; where a vendor is silent, a body passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.switching.demands import anthropic, bedrock, chat, gemini, responses

_RULES = {
    "anthropic_messages": anthropic.complaints,
    "bedrock": bedrock.complaints,
    "gemini": gemini.complaints,
    "openai_responses": responses.complaints,
    "openai_chat": chat.complaints,
    "cohere": chat.complaints,
}


def complaints(provider: str, dialect: str, model: str, body: dict[str, Any]) -> list[str]:
    """Returns what the vendor would answer 400 for; nothing where it takes the body."""
    found: Iterator[str] = _RULES[dialect](provider, model, body)
    return list(found)
