"""From a model name to the arms that may answer, and to what each of them would cost."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bandit import Objective, Quote
from proxy.arms.arm import Arm, ArmTable, CandidateSet
from proxy.config import ObjectiveConfig, RouteConfig
from proxy.governance.principal import Principal
from proxy.ingress.errors import Refusal, invalid, not_found
from proxy.routing.cooldowns import Health
from proxy.routing.model_names import fitting_route, plain_name
from proxy.routing.request import ClientRequest
from proxy.routing.require_parameters import missing_words
from proxy.routing.sessions import Sessions

SUFFIXES: Mapping[str, ObjectiveConfig] = {
    ":nitro": ObjectiveConfig(preset="fast"),
    ":floor": ObjectiveConfig(preset="cheap"),
}
"""OpenRouter's shortcuts for the fastest and the cheapest."""

_MOST_CACHED = 512
_MESSAGES = "anthropic_messages"

_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
"""What the dialects call the length of the answer."""


@dataclass(slots=True, init=False)
class Plan:
    """What may be drawn for a request, and for what. `rest` are the arms that take over when the only candidate, which
    a loop of tools began at, can't go on.
    """

    route: str
    candidates: CandidateSet
    objective: Objective
    quote: Quote
    rest: CandidateSet | None

    def __init__(
        self,
        route: str,
        candidates: CandidateSet,
        objective: Objective,
        quote: Quote,
        rest: CandidateSet | None = None,
    ) -> None:
        self.route = route
        self.candidates = candidates
        self.objective = objective
        self.quote = quote
        self.rest = rest


class Router:
    """Names, eligibility and prices. Candidate sets are cached until arms, prices or health change."""

    def __init__(
        self, arms: ArmTable, health: Health, routes: Mapping[str, RouteConfig], sessions: Sessions
    ) -> None:
        self._arms = arms
        self._health = health
        self._sessions = sessions
        self.routes = {"auto": RouteConfig(), **routes}
        self._objectives = {name: route.objective.over() for name, route in self.routes.items()}
        self._cache: dict[tuple[object, ...], tuple[str, CandidateSet]] = {}
        self._cached_version = -1

    def plan(self, request: ClientRequest, principal: Principal, now: float, *, chat: bool = True) -> Plan:
        """Returns the candidates of `request` with today's quote. Not for `chat`: whatever API the arms offer.
        Raises Refusal.
        """
        model, suffix = _split_suffix(request.model)
        route, candidates = self._candidates(model, request, chat=chat)
        if not self._health.all_well:
            candidates = self._well(candidates, now)
        if request.input_tokens > candidates.smallest_window:
            candidates = self._large_enough(candidates, request.input_tokens)
        wanted = request.facts.max_tokens
        # Messages demand a limit, so that agents name the most that their vendor's models can write.
        if wanted is not None and wanted > candidates.smallest_output and request.dialect != _MESSAGES:
            candidates = self._long_enough(candidates, request, wanted)
        if request.require_parameters and chat:
            candidates = _expressing(candidates, request)
        rest = None
        if request.in_tool_loop and request.session is not None:
            candidates, rest = self._same_arm(candidates, principal.sessions, request.session)
        objective = self._objectives.get(route) or self._objectives["auto"]
        if suffix is not None:
            objective = SUFFIXES[suffix].over(objective)
        if request.objective is not None:
            objective = request.objective.over(objective)
        if objective.max_usd_per_request is not None and candidates.unpriced:
            candidates = _payable(candidates, model)
        quote = self._quote(candidates, request, principal.sessions, now)
        return Plan(route, candidates, objective, quote, rest)

    def elsewhere(self, plan: Plan, request: ClientRequest, principal: Principal, now: float) -> Plan | None:
        """Returns the plan without the arm that a loop of tools began at; None where there is no other."""
        rest = plan.rest
        if rest is None:
            return None
        return Plan(plan.route, rest, plan.objective, self._quote(rest, request, principal.sessions, now))

    def _candidates(self, model: str, request: ClientRequest, *, chat: bool) -> tuple[str, CandidateSet]:
        facts = request.facts
        version = self._arms.version
        if version != self._cached_version or len(self._cache) > _MOST_CACHED:
            self._cache.clear()
            self._cached_version = version
        wishes = repr(request.provider) if request.provider else ""
        key = (
            model,
            facts.has_images,
            facts.has_tools,
            facts.has_schema,
            facts.has_audio,
            request.models,
            wishes,
            chat,
        )
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._find(model, request, chat=chat)
        return found

    def _find(self, model: str, request: ClientRequest, *, chat: bool) -> tuple[str, CandidateSet]:
        route, arms, named = self._resolve(model, request.models)
        if chat and route in self.routes:  # a model that the client names itself is believed to chat
            arms = [arm for arm in arms if arm.chats]
            if not arms:
                raise not_found(f"No arm behind {model!r} can chat.", code="no_eligible_arm", param="model")
        arms = _wished(arms, request.provider)
        needs = needed_capabilities(request)
        able = [arm for arm in arms if arm.capabilities is None or needs <= arm.capabilities]
        if not able:
            wanted = ", ".join(sorted(needs))
            raise not_found(
                f"No arm behind {model!r} can do what this request needs: {wanted}."
                if arms
                else f"No arm behind {model!r} fits the `provider` wishes.",
                code="no_eligible_arm",
                param="model" if arms else "provider",
            )
        config = self.routes.get(route)
        if config is not None and not config.unpriced:
            able = _without_unknown_prices(able, named)
        return route, CandidateSet(able)

    def _resolve(self, model: str, models: tuple[str, ...]) -> tuple[str, list[Arm], frozenset[str]]:
        """Returns the route, the arms behind a name, and which of them the request itself names."""
        if models:
            named = [model, *models] if model not in self.routes else list(models)
            arms: dict[str, Arm] = {}
            own: set[str] = set()
            for name in named:
                route = self.routes.get(name)
                found = self._named(name) if route is None else self._arms.matching(route.arms)
                arms.update((arm.name, arm) for arm in found)
                if route is None:
                    own.update(arm.name for arm in found)
            return (model if model in self.routes else "auto"), list(arms.values()), frozenset(own)
        if model in self.routes:
            arms_of = self._arms.matching(self.routes[model].arms)
            if not arms_of:
                raise Refusal(503, f"Route {model!r} has no arms.", kind="api_error", code="no_arms")
            return model, arms_of, frozenset()
        behind = self._known(model)
        if not behind and (pattern := fitting_route(model, self.routes)) is not None:
            return self._resolve(pattern, ())
        behind = behind or self._named(model)
        return model, behind, frozenset(arm.name for arm in behind)

    def _known(self, name: str) -> list[Arm]:
        """Returns the arms of a name or of a model, also of one that an agent says more of."""
        one = self._arms.by_name.get(name)
        found = [one] if one is not None else self._arms.of_model(name)
        plain = plain_name(name)
        return found or (self._known(plain) if plain != name else [])

    def _named(self, name: str) -> list[Arm]:
        found = self._known(name)
        if not found:
            close = difflib.get_close_matches(name, [*self.routes, *self._arms.by_name], n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(close)}?" if close else " GET /v1/models lists what there is."
            raise not_found(
                f"The model {name!r} does not exist here.{hint}", code="model_not_found", param="model"
            )
        return found

    def _well(self, candidates: CandidateSet, now: float) -> CandidateSet:
        well = [arm for arm in candidates.arms if self._health.available(arm.index, now)]
        if len(well) == len(candidates.arms):
            return candidates
        if not well:
            well = [candidates.arms[self._health.least_bad([arm.index for arm in candidates.arms])]]
        return CandidateSet(well)

    def _large_enough(self, candidates: CandidateSet, tokens: int) -> CandidateSet:
        fitting = [
            arm for arm in candidates.arms if arm.context_window is None or tokens <= arm.context_window
        ]
        if not fitting:
            largest = max(arm.context_window or 0 for arm in candidates.arms)
            raise Refusal(
                400,
                f"The prompt has about {tokens} tokens; the largest context window here is {largest}.",
                code="context_length_exceeded",
                param="messages",
            )
        return CandidateSet(fitting)

    def _long_enough(self, candidates: CandidateSet, request: ClientRequest, tokens: int) -> CandidateSet:
        able = [arm for arm in candidates.arms if arm.max_output is None or tokens <= arm.max_output]
        if not able:
            field = next((name for name in _LIMITS if request.document.get(name) == tokens), _LIMITS[0])
            most = max(arm.max_output or 0 for arm in candidates.arms)
            raise invalid(f"`{field}` is {tokens}; the most that an arm here can write is {most}.", field)
        return CandidateSet(able)

    def _same_arm(
        self, candidates: CandidateSet, owner: str, session: str
    ) -> tuple[CandidateSet, CandidateSet | None]:
        """Returns the arm that answered last, and the others."""
        last = self._sessions.last(owner, session)
        if last is None or last.arm not in candidates.names:
            return candidates, None
        same = [arm for arm in candidates.arms if arm.name == last.arm]
        rest = [arm for arm in candidates.arms if arm.name != last.arm]
        return CandidateSet(same), CandidateSet(rest) if rest else None

    def _quote(self, candidates: CandidateSet, request: ClientRequest, owner: str, now: float) -> Quote:
        tokens = request.input_tokens
        if candidates.tiered and tokens > 32_000:
            import numpy as np  # noqa: PLC0415

            fixed = np.array([arm.quoted.fixed_usd(tokens, 0) for arm in candidates.arms])
            output = np.array([arm.quoted.output_usd(tokens) for arm in candidates.arms])
        else:
            fixed = candidates.input_usd * float(tokens)
            if candidates.per_request:
                fixed += candidates.request_usd
            output = candidates.output_usd
        if request.session is not None:
            warm = self._sessions.warm(owner, request.session, now)
            if warm is not None and warm.arm in candidates.names:
                position = candidates.names.index(warm.arm)
                cached = min(warm.tokens, tokens)
                fixed[position] = candidates.arms[position].quoted.fixed_usd(tokens, cached)
        return Quote(fixed, output)


def terms(objective: Objective) -> dict[str, object]:
    """Returns an objective as the journal and an explanation show it."""
    return {
        "value_usd": objective.value_usd,
        "second_usd": objective.second_usd,
        "whole_answer": objective.whole_answer,
        "max_usd_per_request": objective.max_usd_per_request,
        "min_quality": objective.min_quality,
        "max_exploration": objective.max_exploration,
    }


def needed_capabilities(request: ClientRequest) -> frozenset[str]:
    """Returns what an arm must be able to do for this request."""
    facts = request.facts
    needs = {
        "images": facts.has_images,
        "tools": facts.has_tools,
        "json_schema": facts.has_schema,
        "audio": facts.has_audio,
    }
    return frozenset(name for name, needed in needs.items() if needed)


def _expressing(candidates: CandidateSet, request: ClientRequest) -> CandidateSet:
    """Keeps the arms that can say all of the request: `require_parameters`."""
    lacks = missing_words(candidates.arms, request)
    able = [arm for arm, lack in zip(candidates.arms, lacks, strict=True) if lack is None]
    if not able:
        told = "; ".join(f"{arm.name}: {lack}" for arm, lack in zip(candidates.arms, lacks, strict=True))
        raise invalid(f"`require_parameters`: no arm can express all of this request. {told}")
    return candidates if len(able) == len(lacks) else CandidateSet(able)


def _without_unknown_prices(arms: list[Arm], named: frozenset[str]) -> list[Arm]:
    """Drops chat arms that may cost anything, where there are others and the request doesn't name them itself."""
    known = [arm for arm in arms if arm.priced or not arm.chats or arm.name in named]
    return known if any(arm.priced and arm.chats for arm in known) else arms


def _payable(candidates: CandidateSet, model: str) -> CandidateSet:
    """Keeps the arms that a limit in dollars can hold for."""
    known = [arm for arm in candidates.arms if arm.priced]
    if not known:
        raise invalid(
            f"`max_usd_per_request` can't be held: nobody knows the price of {', '.join(candidates.names)} behind "
            f"{model!r}. State it in the configuration, or by PUT /v1/prices.",
            "objective.max_usd_per_request",
        )
    return CandidateSet(known)


def _split_suffix(model: str) -> tuple[str, str | None]:
    if ":" not in model:
        return model, None
    for suffix in SUFFIXES:
        if model.endswith(suffix):
            return model[: -len(suffix)] or "auto", suffix
    return model, None


def _wished(arms: list[Arm], wishes: Mapping[str, Any]) -> list[Arm]:
    """Applies OpenRouter's `provider` object as far as it is about which arms may answer."""
    if not wishes:
        return arms
    only, ignore = _names(wishes, "only"), _names(wishes, "ignore")
    if only:
        arms = [arm for arm in arms if arm.provider in only or arm.name in only]
    if ignore:
        arms = [arm for arm in arms if arm.provider not in ignore and arm.name not in ignore]
    if wishes.get("allow_fallbacks") is False and (order := _names(wishes, "order")):
        arms = [arm for arm in arms if arm.provider in order or arm.name in order]
    cap = wishes.get("max_price")
    if cap is not None:
        if not isinstance(cap, dict):
            raise invalid("`provider.max_price` must be an object.", "provider.max_price")
        arms = [arm for arm in arms if _within(arm, cap)]
    return arms


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
