"""`GET /v1/generation?id=`: what became of one request, in OpenRouter's words and with the decision."""

from __future__ import annotations

from urllib.parse import parse_qs

from adapters.dialects.shared.lenient import word
from bandit import task_label
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.errors import invalid, not_found
from proxy.ingress.reply import Reply, json_reply


async def get(asked: EndpointRequest) -> Reply:
    """Returns the record of an answer, by its own id or the X-Generation-Id."""
    gateway, principal = asked.gateway, asked.principal
    ids = parse_qs(asked.http.raw_path.partition("?")[2]).get("id")
    if not ids:
        raise invalid("Name the generation: /v1/generation?id=…", "id")
    named = word(ids[0]) or ""  # as the record was written
    await gateway.journal.committed()
    decision = await gateway.store.decision(named, principal.viewer)
    if decision is None and gateway.store.shared:
        await gateway.peers.settled()
        decision = await gateway.store.decision(named, principal.viewer)
    if decision is None:
        raise not_found(f"No generation has the id {ids[0]!r}.", code="generation_not_found", param="id")
    own_id = decision.request_id or decision.id  # the same where the upstream had none of its own
    feedback = await gateway.store.feedback_of(own_id, principal.viewer)
    arm = gateway.arms.by_name.get(decision.arm)
    return json_reply(
        {
            "data": {
                "id": own_id,
                "upstream_id": decision.id,
                "upstream_request_id": decision.upstream_request,
                "model": arm.model if arm is not None else decision.arm,
                "provider_name": arm.provider if arm is not None else None,
                "arm": decision.arm,
                "route": decision.route,
                "task": task_label(decision.task),
                "created_at": decision.at,
                "streamed": decision.streamed,
                "cancelled": decision.status in ("cancelled", "shutdown"),
                "status": decision.status,
                # A row of an older version may hold what a provider repeated.
                "error": decision.error and gateway.mask.text(decision.error),
                "finish_reason": decision.finish,
                "tokens_prompt": decision.input_tokens,
                "tokens_completion": decision.output_tokens,
                "native_tokens_prompt": decision.input_tokens,
                "native_tokens_completion": decision.output_tokens,
                "native_tokens_reasoning": decision.reasoning_tokens,
                "native_tokens_cached": decision.cached_tokens,
                "usage_estimated": decision.usage_estimated,
                "total_cost": decision.cost_usd,
                # What the cost was made of beside ordinary tokens, and a provider's own figure beside ours.
                "bill": decision.bill,
                "usage": decision.cost_usd,
                "latency": None if decision.ttft_s is None else round(decision.ttft_s * 1000, 3),
                "generation_time": round((decision.finished_at - decision.at) * 1000, 3),
                "session_id": decision.session,
                "key_id": decision.key or None,
                "team_id": decision.team or None,
                "provider_responses": [
                    {**row, "message": gateway.mask.text(str(row.get("message", "")))}
                    for row in decision.attempts
                ],
                "dropped": decision.dropped,
                "excluded": decision.excluded,
                "propensity": decision.propensity,
                "probabilities": {
                    name: float(p) for name, p in zip(decision.arms, decision.probabilities, strict=True)
                },
                "objective": decision.objective,
                "price_version": decision.price_version,
                "feedback": [
                    {"metric": f.metric, "value": f.value, "at": f.at, "source": f.source} for f in feedback
                ],
            }
        }
    )
