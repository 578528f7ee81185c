"""`POST /v1/chat/completions`, and `POST /v1/explain`: what would be chosen for such a request, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.dialects import by_name
from bandit import task_label
from proxy.dispatch.call import answer, decide
from proxy.governance.principal import Principal
from proxy.ingress.reply import Reply, StreamReply, json_reply
from proxy.ingress.request import Incoming
from proxy.routing.request import chat_request, read_json

if TYPE_CHECKING:
    from proxy.gateway import Gateway

_OPENAI_CHAT = by_name("openai_chat")


async def completions(
    gateway: Gateway, http: Incoming, principal: Principal, _rest: str
) -> Reply | StreamReply:
    """OpenAI's chat completions."""
    raw, document = await read_json(http)
    return await answer(gateway, http, _OPENAI_CHAT, chat_request(http, raw, document), None, principal)


async def explain(gateway: Gateway, http: Incoming, principal: Principal, _rest: str) -> Reply:
    """Every candidate with its estimates and its probability; nothing is called."""
    raw, document = await read_json(http)
    request = chat_request(http, raw, document)
    plan = gateway.router.plan(request, principal, gateway.loop.time())
    context, decision = decide(gateway, request, plan, 0.0)
    rows = [
        {
            "arm": arm.name,
            "probability": float(decision.probabilities[position]),
            "quality": float(decision.quality[position]),
            "quality_sd": float(decision.quality_sd[position]),
            "cost_usd": float(decision.cost_usd[position]),
            "seconds": float(decision.seconds[position]),
            "error_probability": float(decision.error[position]),
            "output_tokens": float(decision.output_tokens[position]),
            "utility_usd": float(decision.utility[position]),
        }
        for position, arm in enumerate(plan.candidates.arms)
    ]
    considered = set(plan.candidates.names)
    rest = [
        {"arm": arm.name, "cooldown": gateway.cooldowns.state(arm.index, gateway.loop.time())}
        for arm in gateway.arms
        if arm.name not in considered
    ]
    rows.sort(key=lambda row: -float(row["probability"]))  # type: ignore[arg-type]
    return json_reply(
        {
            "route": plan.route,
            "task": task_label(context.task),
            "input_tokens": request.input_tokens,
            "objective": plan.objective.terms(),
            "candidates": rows,
            "not_eligible": rest,
        }
    )
