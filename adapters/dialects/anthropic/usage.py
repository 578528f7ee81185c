"""Anthropic Messages: token counts and the reasons for stopping.

`input_tokens` leaves out what was read from or written to the cache; the canonical count includes both.
Counters of a stream are cumulative, so the largest of each is the final one.
"""

from __future__ import annotations

from typing import Any

from adapters.billing.service_tiers import tier_of
from adapters.canonical import FinishReason, Json, Usage
from adapters.dialects.shared.lenient import count, word
from adapters.dialects.shared.reported_cost import reported

FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
STOP_REASON = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "end_turn",
}


_WRITTEN = "cache_creation_input_tokens"
_LASTING = "ephemeral_1h_input_tokens"


class Counters:
    """Gathers the usage objects of one answer."""

    __slots__ = (
        "_cost",
        "_counts",
        "_figure",
        "_geography",
        "_reported",
        "_searches",
        "_speed",
        "_thinking",
        "_tier",
    )

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._reported = False
        self._thinking: int | None = None
        self._cost: float | None = None
        self._figure: float | None = None
        self._searches = 0
        self._tier: str | None = None
        self._speed: str | None = None
        self._geography: str | None = None

    def begin(self, raw: Any) -> None:
        """Adds the usage of a stream's first event, whose output tokens only hold the place of the count."""
        if isinstance(raw, dict):
            self.add({name: value for name, value in raw.items() if name != "output_tokens"})

    def add(self, raw: Any) -> None:
        if not isinstance(raw, dict):
            return
        self._reported = True
        for name in (
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
        ):
            number = count(raw.get(name))
            if number is None:
                continue
            if raw.get("iterations"):
                # The last word on it, which leaves out what the API spent on summing up the conversation.
                self._counts[name] = number + _spent_on_compaction(raw["iterations"], name)
            else:
                self._counts[name] = max(number, self._counts.get(name, 0))
        details = raw.get("output_tokens_details")
        if isinstance(details, dict):
            thinking = count(details.get("thinking_tokens"))
            self._thinking = self._thinking if thinking is None else thinking
        lives = raw.get("cache_creation")
        if isinstance(lives, dict):
            lasting = count(lives.get("ephemeral_1h_input_tokens"))
            if lasting is not None:
                self._counts[_LASTING] = max(lasting, self._counts.get(_LASTING, 0))
            brief = count(lives.get("ephemeral_5m_input_tokens"))
            written = (brief or 0) + (lasting or 0)
            if written:
                self._counts[_WRITTEN] = max(written, self._counts.get(_WRITTEN, 0))
        tools = raw.get("server_tool_use")
        if isinstance(tools, dict):
            self._searches = max(self._searches, count(tools.get("web_search_requests")) or 0)
        self._tier = tier_of(raw.get("service_tier")) or self._tier
        self._speed = word(raw.get("speed")) or self._speed
        self._geography = word(raw.get("inference_geo")) or self._geography
        if "cost" in raw:
            self._cost, self._figure = reported(raw)

    def usage(self) -> Usage | None:
        """Returns the counts so far in canonical form, None where no usage was reported."""
        if not self._reported:
            return None
        fresh = self._counts.get("input_tokens")
        read = self._counts.get("cache_read_input_tokens")
        written = self._counts.get(_WRITTEN)
        return Usage(
            input=None if fresh is None else fresh + (read or 0) + (written or 0),
            output=self._counts.get("output_tokens"),
            cached=read,
            cache_write=written,
            reasoning=self._thinking,
            cost_usd=self._cost,
            cache_write_1h=self._counts.get(_LASTING),
            uses={"web_search": self._searches} if self._searches else None,
            tier=self._tier,
            speed=self._speed,
            geography=self._geography,
            reported_usd=self._figure,
        )


def _spent_on_compaction(iterations: Any, name: str) -> int:
    rounds = iterations if isinstance(iterations, list) else ()
    return sum(
        count(one.get(name)) or 0
        for one in rounds
        if isinstance(one, dict) and one.get("type") == "compaction"
    )


def encode_usage(usage: Usage | None, cost: float | None) -> Json:
    """Returns the `usage` object; the two counts that the API always sends are 0 when unknown."""
    usage = usage or Usage()
    aside = (usage.cached or 0) + (usage.cache_write or 0)
    raw: Json = {"input_tokens": max(0, (usage.input or 0) - aside), "output_tokens": usage.output or 0}
    if usage.cached is not None:
        raw["cache_read_input_tokens"] = usage.cached
    if usage.cache_write is not None:
        raw["cache_creation_input_tokens"] = usage.cache_write
    if usage.cache_write is not None and usage.cache_write_1h is not None:
        raw["cache_creation"] = {
            "ephemeral_5m_input_tokens": max(0, usage.cache_write - usage.cache_write_1h),
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.reasoning is not None:
        raw["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.tier is not None:
        raw["service_tier"] = "standard" if usage.tier == "default" else usage.tier
    if usage.uses and (searches := usage.uses.get("web_search")):
        raw["server_tool_use"] = {"web_search_requests": searches}
    if cost is not None:
        raw["cost"] = cost
    return raw
