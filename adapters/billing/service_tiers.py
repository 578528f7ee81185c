"""Service tiers: one word for each, whatever a vendor calls it in an answer, and how a request asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.billing.pricing import USUAL_TIER

_SAME: Final[Mapping[str, str]] = {
    "standard": USUAL_TIER,  # Anthropic, Gemini
    "on_demand": USUAL_TIER,  # Groq, Vertex
    "on_demand_flex": "flex",  # Vertex: `trafficType`
    "on_demand_priority": "priority",
    "provisioned_throughput": "provisioned",
    "unspecified": USUAL_TIER,
}

UNSENT: Final = frozenset({"batch", "provisioned"})
"""Tiers that no request asks for: another way of calling has them, or the account. An arm can still be priced as one."""


def tier_of(value: object) -> str | None:
    """Returns the word for what an answer calls its tier: "default" for the usual one, None for none."""
    if value == USUAL_TIER:
        return USUAL_TIER
    if not isinstance(value, str) or not value:
        return None
    word = value.lower().removeprefix("service_tier_").removeprefix("traffic_type_")
    return _SAME.get(word, word)


def asking(dialect: str, tier: str) -> dict[str, object] | None:
    """Returns the fields of a body that ask for a tier; None where the dialect has no words for it."""
    if tier in UNSENT:
        return {}
    match dialect:
        case "openai_chat" | "openai_responses" | "openai_completions":
            return {"service_tier": tier}
        case "anthropic_messages" if tier in ("priority", USUAL_TIER):
            # Priority is what the account has committed to; "auto" uses it, else the usual tier answers.
            return {"service_tier": "auto" if tier == "priority" else "standard_only"}
        case "gemini":
            return {"serviceTier": tier}
        case "bedrock":
            return {"serviceTier": {"type": tier}}
    return None
