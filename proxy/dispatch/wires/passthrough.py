"""APIs that are no chats: arms that offer one speak it, nothing is translated, only the model's name is replaced."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from adapters.canonical import Usage
from adapters.dialect import CostOf, Tap, Traits
from adapters.dialects.openai_chat.dialect import OpenAIChat
from bandit import Quote
from proxy.arms.arm import Arm
from proxy.config import OWN_FIELDS
from proxy.dispatch.services import Services
from proxy.governance.principal import Principal
from proxy.ingress.request import Incoming
from proxy.routing.prompt import Prompt
from proxy.routing.request import ClientRequest, request_of
from proxy.routing.router import Plan


class Passthrough(OpenAIChat):
    """An API that is only passed on: OpenAI's errors, its own path, and a tap. It is a dialect so that calls treat it as
    one, and stands here since it also knows which arms offer it: those whose models' names match `offered`, and any whose
    model the client names itself.
    """

    traits = Traits()

    def __init__(
        self, name: str, path: str, offered: str, tap: Callable[[CostOf], Tap] | None = None
    ) -> None:
        self.name = name
        self._path = path
        self._tap = tap
        self._offered = re.compile(offered, re.IGNORECASE)

    def path(self, model: str, *, stream: bool) -> str:  # noqa: ARG002  the model stands in the body
        return self._path

    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap:
        if self._tap is not None:
            return self._tap(cost_of)
        return super().tap(stream=stream, keep_usage=keep_usage, cost_of=cost_of)

    def arm_for(self, arm: Arm, *, named: bool) -> Arm | None:
        """See `proxy.routing.router.OtherApi`."""
        if not arm.dialect.traits.openai_family:
            return None
        offered = (
            named or self.name in (arm.capabilities or ()) or self._offered.search(arm.model) is not None
        )
        # The row's adaptations are for chat bodies.
        row = replace(arm.row, dialect=self.name)
        return replace(arm, dialect=self, row=row, watched=OWN_FIELDS) if offered else None


def plan_for(
    services: Services,
    request: ClientRequest,
    principal: Principal,
    api: Passthrough,
    measured: Usage | None = None,
) -> Plan:
    """Returns the candidates that offer `api`, as arms that speak it; the quote holds what is `measured` before
    the call. Raises Refusal.
    """
    plan = services.router.plan(request, principal, services.loop.time(), api=api)
    if measured is not None:
        prices = [arm.price for arm in plan.candidates.arms]
        fixed = plan.quote.fixed_usd + np.array([price.cost(measured) - price.request for price in prices])
        plan.quote = Quote(fixed, plan.quote.output_usd)
    return plan


def plain_request(
    http: Incoming,
    api: Passthrough,
    raw: bytes,
    document: dict[str, object],
    *,
    model: str,
    task: str,
    text: str = "",
    stream: bool = False,
) -> ClientRequest:
    """Returns a request that is no chat. `task` is its kind of work where the client names none."""
    return request_of(http, api, raw, document, Prompt(model, text, stream=stream), task=task)
