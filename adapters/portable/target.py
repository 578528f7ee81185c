"""What a request must be told to; and the whole way there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapters.canonical import Request
from adapters.limits import limits_for
from adapters.portable.carry import portable
from adapters.portable.hints import AGENTS
from adapters.portable.limits import at_most
from adapters.portable.media import shown
from adapters.portable.tools import note

_USUAL_TIERS = (None, "auto", "default", "standard")
_TIERED = frozenset({"openai", "azure", "openrouter"})
"""Providers that know the tiers of OpenAI's Responses."""


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """An arm as far as requests are told differently to it. `thinks`: None if nobody knows."""

    provider: str
    dialect: str
    thinks: bool | None = None
    max_output: int | None = None


def carried(request: Request, target: ModelTarget) -> Request:
    """Returns the request as it can be told to `target`; the same object where nothing differs. Raises Inexpressible."""
    if request.dialect in AGENTS:
        request = _without_wishes(request, target)
    return shown(portable(request, target.dialect), target.provider, target.dialect)


def _without_wishes(request: Request, target: ModelTarget) -> Request:
    """Agents say with every request how long, how hard and how fast, whatever the model is."""
    if target.max_output is not None and request.dialect == "anthropic_messages":
        request = at_most(request, target.max_output)
    if request.thinking is not None and target.thinks is False:
        if request.thinking.enabled:
            note(request.dropped, "thinking")
        request = replace(request, thinking=None)
    if (
        request.thinking is not None
        and request.thinking.enabled
        and request.tools
        and not limits_for(target.provider, target.dialect, request.model).effort_with_tools
    ):
        note(request.dropped, "thinking")
        request = replace(request, thinking=None)
    if request.service_tier not in _USUAL_TIERS and not (
        target.provider in _TIERED and target.dialect in ("openai_chat", "openai_responses")
    ):
        note(request.dropped, "service_tier")
        request = replace(request, service_tier=None)
    return request
