"""`POST /v1/chat/completions`, and `POST /v1/explain`: what would be chosen for such a request, and why."""

from __future__ import annotations

from bandit import task_label
from proxy.dispatch.call import answer, decide
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.reply import Reply, StreamReply, json_reply
from proxy.routing.body import read_json
from proxy.routing.request import chat_request
from proxy.routing.require_parameters import obstacles_of


async def completions(asked: EndpointRequest) -> Reply | StreamReply:
    """Answers in OpenAI's chat completions API."""
    http = asked.http
    raw, document = await read_json(http)
    return await answer(asked.gateway, http, chat_request(http, raw, document), asked.principal)


async def explain(asked: EndpointRequest) -> Reply:
    """Returns every candidate with its estimates and its probability; nothing is called."""
    gateway = asked.gateway
    raw, document = await read_json(asked.http)
    request = chat_request(asked.http, raw, document)
    plan = gateway.router.plan(request, asked.principal, gateway.loop.time())
    context, decision = decide(gateway, request, plan, 0.0)
    unable = obstacles_of(plan.candidates.arms, request)
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
            "cannot_express": unable[position],
        }
        for position, arm in enumerate(plan.candidates.arms)
    ]
    considered = set(plan.candidates.names)
    rest = [
        {
            "arm": arm.name,
            "reason": plan.excluded.get(arm.name, "route"),
            "cooldown": gateway.cooldowns.state(arm.index, gateway.loop.time()),
            "refusals": gateway.refusals.state(arm.index, gateway.loop.time()),
        }
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
            "excluded": len(plan.excluded) + sum(lack is not None for lack in unable),
        }
    )
