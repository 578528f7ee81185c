"""Which of some arms a request may go to: filters over a list of arms, one for each reason to leave an arm out.

Every filter returns the arms that stay, in their order, and adds each other one to `excluded` with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proxy.arms.arm import Arm
from proxy.ingress.errors import Refusal, invalid
from proxy.routing.cooldowns import Cooldowns
from proxy.routing.refusals import Refusals, features
from proxy.routing.request import ClientRequest
from proxy.routing.require_parameters import missing_words

Excluded = dict[str, str]
"""Arm → why it is no candidate: a word, and behind a colon what it is about."""

_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""What the dialects call the length of the answer."""


def chatting(arms: Sequence[Arm], excluded: Excluded) -> list[Arm]:
    """Keeps chat models."""
    return _kept(arms, [None if arm.chats else "no_chat" for arm in arms], excluded)


def wished(arms: Sequence[Arm], wishes: Mapping[str, Any], excluded: Excluded) -> Sequence[Arm]:
    """Applies OpenRouter's `provider` object as far as it is about which arms may answer. Raises Refusal."""
    if not wishes:
        return arms
    only, ignore = _names(wishes, "only"), _names(wishes, "ignore")
    order = _names(wishes, "order") if wishes.get("allow_fallbacks") is False else frozenset()
    cap = wishes.get("max_price")
    if cap is not None and not isinstance(cap, dict):
        raise invalid("`provider.max_price` must be an object.", "provider.max_price")
    reasons: list[str | None] = []
    for arm in arms:
        names = {arm.provider, arm.name}
        if (only and only.isdisjoint(names)) or not ignore.isdisjoint(names):
            reasons.append("provider")
        elif order and order.isdisjoint(names):
            reasons.append("provider:order")
        else:
            reasons.append(None if cap is None or _within(arm, cap) else "provider:max_price")
    return _kept(arms, reasons, excluded)


def able(arms: Sequence[Arm], needs: frozenset[str], excluded: Excluded) -> list[Arm]:
    """Keeps the arms that have all capabilities in `needs`, and those whose capabilities are unknown."""
    reasons = [
        None
        if arm.capabilities is None or needs <= arm.capabilities
        else f"lacks:{min(needs - arm.capabilities)}"
        for arm in arms
    ]
    return _kept(arms, reasons, excluded)


def with_known_prices(arms: Sequence[Arm], named: frozenset[str], excluded: Excluded) -> Sequence[Arm]:
    """Drops chat arms that may cost anything, where there are others and the request doesn't name them itself."""
    if not any(arm.priced and arm.chats for arm in arms):
        return arms
    reasons = [None if arm.priced or not arm.chats or arm.name in named else "unpriced" for arm in arms]
    return _kept(arms, reasons, excluded)


def well(arms: Sequence[Arm], cooldowns: Cooldowns, now: float, excluded: Excluded) -> list[Arm]:
    """Keeps the arms that aren't cooling down; where all are, the one whose cooldown ends first."""
    reasons = [None if cooldowns.available(arm.index, now) else "cooldown" for arm in arms]
    if all(reasons):
        reasons[cooldowns.ends_first([arm.index for arm in arms])] = None
    return _kept(arms, reasons, excluded)


def unrefusing(
    arms: Sequence[Arm], refusals: Refusals, request: ClientRequest, now: float, excluded: Excluded
) -> tuple[list[Arm], list[Arm]]:
    """Keeps the arms that refused no request of this kind lately, and returns the others as a last resort; where all
    refused, the first is kept alone, and says why once more.
    """
    asked_for, tokens = features(request), request.input_tokens
    refused = [refusals.reason(arm.index, asked_for, tokens, now) for arm in arms]
    reasons = [None if reason is None else f"refused:{reason}" for reason in refused]
    if all(reasons):
        reasons[0] = None
        return _kept(arms, reasons, excluded), []
    refusing = [arm for arm, reason in zip(arms, reasons, strict=True) if reason is not None]
    return _kept(arms, reasons, excluded), refusing


def large_enough(arms: Sequence[Arm], tokens: int, excluded: Excluded) -> list[Arm]:
    """Keeps the arms whose context window holds a prompt of `tokens`. Raises Refusal where none does."""
    reasons = [
        None if arm.context_window is None or tokens <= arm.context_window else "context_window"
        for arm in arms
    ]
    if all(reasons):
        largest = max(arm.context_window or 0 for arm in arms)
        raise Refusal(
            400,
            f"The prompt has about {tokens} tokens; the largest context window here is {largest}.",
            code="context_length_exceeded",
            param="messages",
        )
    return _kept(arms, reasons, excluded)


def long_enough(arms: Sequence[Arm], request: ClientRequest, tokens: int, excluded: Excluded) -> list[Arm]:
    """Keeps the arms that can write `tokens`, which `request` asks for. Raises Refusal where none can."""
    reasons = [None if arm.max_output is None or tokens <= arm.max_output else "max_output" for arm in arms]
    if all(reasons):
        field = next((name for name in _LIMITS if request.document.get(name) == tokens), _LIMITS[0])
        most = max(arm.max_output or 0 for arm in arms)
        raise invalid(f"`{field}` is {tokens}; the most that an arm here can write is {most}.", field)
    return _kept(arms, reasons, excluded)


def requiring_parameters(arms: Sequence[Arm], request: ClientRequest, excluded: Excluded) -> list[Arm]:
    """Keeps the arms that can say all of the request: `require_parameters`. Raises Refusal where none can."""
    lacks = missing_words(arms, request)
    if None not in lacks:
        each = "; ".join(f"{arm.name}: {lack}" for arm, lack in zip(arms, lacks, strict=True))
        raise invalid(f"`require_parameters`: no arm can express all of this request. {each}")
    return _kept(arms, [None if lack is None else f"parameter:{lack}" for lack in lacks], excluded)


def same_arm(arms: Sequence[Arm], name: str, excluded: Excluded) -> list[Arm]:
    """Keeps the arm called `name`: a loop of tools ends where it began."""
    return _kept(arms, [None if arm.name == name else "tool_loop" for arm in arms], excluded)


def cheapest(arms: Sequence[Arm], excluded: Excluded) -> list[Arm]:
    """Keeps the arms of the lowest known price, of three tokens of the prompt and one of the answer; all of them where no
    price is known.
    """
    prices = [3 * arm.quoted.input + arm.quoted.output if arm.priced else None for arm in arms]
    least = min((price for price in prices if price is not None), default=None)
    return _kept(arms, [None if price == least else "not_cheapest" for price in prices], excluded)


def by_price(wishes: Mapping[str, object]) -> bool:
    """Returns whether OpenRouter's `provider.sort` asks for the cheapest. Raises Refusal for any other wish."""
    sort = wishes.get("sort")
    if sort is None:
        return False
    word = sort.get("by") if isinstance(sort, dict) else sort
    if word != "price":
        raise invalid(
            '`provider.sort` can only be "price"; for the fastest end the model\'s name in :nitro.',
            "provider.sort",
        )
    return True


def payable(arms: Sequence[Arm], model: str, excluded: Excluded) -> list[Arm]:
    """Keeps the arms that a limit in dollars can hold for. Raises Refusal where there is none behind `model`."""
    reasons = [None if arm.priced else "unpriced" for arm in arms]
    if all(reasons):
        raise invalid(
            f"`max_usd_per_request` can't be held: nobody knows the price of {', '.join(arm.name for arm in arms)} "
            f"behind {model!r}. State it in the configuration, or by PUT /v1/prices.",
            "objective.max_usd_per_request",
        )
    return _kept(arms, reasons, excluded)


def _kept(arms: Sequence[Arm], reasons: Sequence[str | None], excluded: Excluded) -> list[Arm]:
    kept = []
    for arm, reason in zip(arms, reasons, strict=True):
        if reason is None:
            kept.append(arm)
        else:
            excluded[arm.name] = reason
    return kept


def _within(arm: Arm, cap: Mapping[str, Any]) -> bool:
    try:
        prompt = float(cap.get("prompt", "inf"))
        completion = float(cap.get("completion", "inf"))
    except (TypeError, ValueError):
        raise invalid(
            "`provider.max_price` holds numbers, US dollars per million tokens.", "provider.max_price"
        ) from None
    return arm.priced and arm.price.input * 1e6 <= prompt and arm.price.output * 1e6 <= completion


def _names(wishes: Mapping[str, Any], field: str) -> frozenset[str]:
    value = wishes.get(field)
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise invalid(f"`provider.{field}` must be a list of names.", f"provider.{field}")
    return frozenset(value)
