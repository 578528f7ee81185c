"""From a model name to the arms that may answer, and to what each of them would cost."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bandit import Objective, Quote
from proxy.arms.arm import Arm, ArmTable, CandidateSet
from proxy.config import ObjectiveConfig, RouteConfig
from proxy.governance.principal import Principal
from proxy.ingress.errors import Refusal, not_found
from proxy.routing.cooldowns import Cooldowns
from proxy.routing.eligibility import (
    Excluded,
    able,
    by_price,
    chatting,
    cheapest,
    large_enough,
    long_enough,
    payable,
    requiring_parameters,
    same_arm,
    unrefusing,
    well,
    wished,
    with_known_prices,
)
from proxy.routing.model_names import fitting_route, plain_name
from proxy.routing.refusals import Refusals
from proxy.routing.request import ClientRequest
from proxy.routing.sessions import Sessions

SUFFIXES: Mapping[str, ObjectiveConfig] = {
    ":nitro": ObjectiveConfig(preset="fast"),
    ":floor": ObjectiveConfig(preset="cheap"),
}
"""OpenRouter's shortcuts for the fastest and the cheapest."""

_MOST_CACHED = 512


class OtherApi(Protocol):
    """An API that is no chat and that some arms offer."""

    name: str

    def arm_for(self, arm: Arm, *, named: bool) -> Arm | None:
        """Returns `arm` as it offers the API, None where it doesn't; `named`: the client names its model itself."""
        ...


@dataclass(slots=True, init=False)
class Plan:
    """What may be drawn for a request, and for what. `excluded` holds why other arms behind the name are no candidates,
    `rest` those that take over when the candidates can't go on: a loop of tools began at them, they are the cheapest, or the
    others refused such a request lately.
    """

    route: str
    candidates: CandidateSet
    objective: Objective
    quote: Quote
    excluded: Mapping[str, str]
    rest: Sequence[Arm]

    def __init__(
        self,
        route: str,
        candidates: CandidateSet,
        objective: Objective,
        quote: Quote,
        excluded: Mapping[str, str],
        rest: Sequence[Arm] = (),
    ) -> None:
        self.route = route
        self.candidates = candidates
        self.objective = objective
        self.quote = quote
        self.excluded = excluded
        self.rest = rest


@dataclass(frozen=True, slots=True)
class _Behind:
    """The arms behind a name that can do a kind of request at all."""

    route: str
    candidates: CandidateSet
    excluded: Mapping[str, str]


class Router:
    """Names, eligibility and prices. The arms that can do a kind of request are cached until arms or prices change."""

    def __init__(
        self,
        arms: ArmTable,
        cooldowns: Cooldowns,
        routes: Mapping[str, RouteConfig],
        sessions: Sessions,
        refusals: Refusals | None = None,
    ) -> None:
        self._refusals = refusals or Refusals()
        self._arms = arms
        self._cooldowns = cooldowns
        self._sessions = sessions
        self.routes = {"auto": RouteConfig(), **routes}
        self._objectives = {name: route.objective.over() for name, route in self.routes.items()}
        self._cache: dict[tuple[object, ...], _Behind] = {}
        self._cached_version = -1

    def plan(
        self, request: ClientRequest, principal: Principal, now: float, *, api: OtherApi | None = None
    ) -> Plan:
        """Returns the candidates of `request` with today's quote: for chat, or for another `api`. Raises Refusal."""
        model, suffix = _split_suffix(request.model)
        behind = self._behind(model, request, api)
        every = behind.candidates
        arms: Sequence[Arm] = every.arms
        excluded: Excluded = {}
        # An ordinary request passes by each of these at the cost of a comparison.
        if not self._cooldowns.all_well:
            arms = well(arms, self._cooldowns, now, excluded)
        if request.input_tokens > every.smallest_window:
            arms = large_enough(arms, request.input_tokens, excluded)
        wanted = request.facts.max_tokens
        # Where a limit is demanded, agents name the most that their vendor's models can write.
        if (
            wanted is not None
            and wanted > every.smallest_output
            and not request.dialect.traits.demands_max_tokens
        ):
            arms = long_enough(arms, request, wanted, excluded)
        if request.require_parameters and api is None:
            arms = requiring_parameters(arms, request, excluded)
        objective = self._objective(behind.route, suffix, request)
        if objective.max_usd_per_request is not None and every.unpriced:
            arms = payable(arms, model, excluded)
        rest: Sequence[Arm] = ()
        if request.in_tool_loop or request.provider or self._refusals.any:
            arms, rest = self._preferred(arms, request, principal.sessions, now, excluded)
        candidates = every if not excluded else CandidateSet(arms)
        return Plan(
            behind.route,
            candidates,
            objective,
            self._quote(candidates, request, principal.sessions, now),
            behind.excluded if not excluded else {**behind.excluded, **excluded},
            rest,
        )

    def _objective(self, route: str, suffix: str | None, request: ClientRequest) -> Objective:
        """Returns the route's objective with what the model's name and the request itself say over it."""
        objective = self._objectives.get(route) or self._objectives["auto"]
        if suffix is not None:
            objective = SUFFIXES[suffix].over(objective)
        return objective if request.objective is None else request.objective.over(objective)

    def _preferred(
        self, arms: Sequence[Arm], request: ClientRequest, owner: str, now: float, excluded: Excluded
    ) -> tuple[Sequence[Arm], Sequence[Arm]]:
        """Returns the arms to be drawn from, and those that take over when all of them fail."""
        refusing: Sequence[Arm] = ()
        if self._refusals.any:
            arms, refusing = unrefusing(arms, self._refusals, request, now, excluded)
        rest: Sequence[Arm] = ()
        if request.provider and by_price(request.provider):
            every_price = arms
            arms = cheapest(arms, excluded)
            rest = [arm for arm in every_price if arm.name in excluded]
        if request.in_tool_loop and request.session is not None:
            last = self._sessions.last(owner, request.session)
            if last is not None and any(arm.name == last.arm for arm in arms):
                rest = [*(arm for arm in arms if arm.name != last.arm), *rest]
                arms = same_arm(arms, last.arm, excluded)
        return arms, rest or refusing

    def elsewhere(self, plan: Plan, request: ClientRequest, principal: Principal, now: float) -> Plan | None:
        """Returns the plan without the arm that a loop of tools began at, or the cheapest; None where there is no other."""
        if not plan.rest:
            return None
        rest = CandidateSet(plan.rest)
        quote = self._quote(rest, request, principal.sessions, now)
        return Plan(plan.route, rest, plan.objective, quote, plan.excluded)

    def _behind(self, model: str, request: ClientRequest, api: OtherApi | None) -> _Behind:
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
            None if api is None else api.name,
        )
        behind = self._cache.get(key)
        if behind is None:
            behind = self._cache[key] = self._filtered(model, request, api)
        return behind

    def _filtered(self, model: str, request: ClientRequest, api: OtherApi | None) -> _Behind:
        route, named_arms, named = self._resolve(model, request.models)
        excluded: Excluded = {}
        arms: Sequence[Arm] = named_arms
        config = self.routes.get(route)
        if api is None and config is not None:  # a model that the client names itself is believed to chat
            arms = chatting(arms, excluded)
            if not arms:
                raise not_found(f"No arm behind {model!r} can chat.", code="no_eligible_arm", param="model")
        arms = wished(arms, request.provider, excluded)
        if not arms:
            raise not_found(
                f"No arm behind {model!r} fits the `provider` wishes.",
                code="no_eligible_arm",
                param="provider",
            )
        needs = needed_capabilities(request)
        arms = able(arms, needs, excluded)
        if not arms:
            raise not_found(
                f"No arm behind {model!r} can do what this request needs: {', '.join(sorted(needs))}.",
                code="no_eligible_arm",
                param="model",
            )
        if config is not None and not config.unpriced:
            arms = with_known_prices(arms, named, excluded)
        if api is not None:
            arms = _offering(arms, api, model, excluded, named=config is None)
        return _Behind(route, CandidateSet(arms), excluded)

    def _resolve(self, model: str, models: tuple[str, ...]) -> tuple[str, list[Arm], frozenset[str]]:
        """Returns the route, the arms behind a name, and which of them the request itself names."""
        if models:
            named = [model, *models] if model not in self.routes else list(models)
            arms: dict[str, Arm] = {}
            own: set[str] = set()
            for name in named:
                route = self.routes.get(name)
                behind = self._named(name) if route is None else self._arms.matching(route.arms)
                arms.update((arm.name, arm) for arm in behind)
                if route is None:
                    own.update(arm.name for arm in behind)
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
        arms = [one] if one is not None else self._arms.of_model(name)
        plain = plain_name(name)
        return arms or (self._known(plain) if plain != name else [])

    def _named(self, name: str) -> list[Arm]:
        arms = self._known(name)
        if not arms:
            close = difflib.get_close_matches(name, [*self.routes, *self._arms.by_name], n=3, cutoff=0.5)
            hint = f" Did you mean {' or '.join(close)}?" if close else " GET /v1/models lists what there is."
            raise not_found(
                f"The model {name!r} does not exist here.{hint}", code="model_not_found", param="model"
            )
        return arms

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


def _offering(
    arms: Sequence[Arm], api: OtherApi, model: str, excluded: Excluded, *, named: bool
) -> list[Arm]:
    """Returns the arms that offer `api`, as it calls them. Raises Refusal where none does."""
    offering = []
    for arm in arms:
        offered = api.arm_for(arm, named=named)
        if offered is None:
            excluded[arm.name] = f"no_{api.name}"
        else:
            offering.append(offered)
    if not offering:
        raise not_found(
            f"No arm behind {model!r} offers {api.name}: name a model that does, or add {api.name!r} "
            "to an arm's capabilities.",
            code="no_eligible_arm",
            param="model",
        )
    return offering


def _split_suffix(model: str) -> tuple[str, str | None]:
    if ":" not in model:
        return model, None
    for suffix in SUFFIXES:
        if model.endswith(suffix):
            return model[: -len(suffix)] or "auto", suffix
    return model, None
