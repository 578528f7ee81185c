"""`GET /healthz` (the process lives) and `GET /readyz` (it can serve and write)."""

from __future__ import annotations

from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.reply import Reply, json_reply


async def healthz(_: EndpointRequest) -> Reply:
    """Answers whoever asks, with nothing but that."""
    return json_reply({"status": "ok"})


async def readyz(asked: EndpointRequest) -> Reply:
    """Answers 503 while draining, without arms, or while the store can't be relied on or the journal can't be written.
    `load` says how near the limits it is.
    """
    gateway, reasons = asked.gateway, []
    if gateway.draining:
        reasons.append("draining")
    if not len(gateway.arms):
        reasons.append("no arms")
    if trouble := await gateway.watch.trouble():
        reasons.append(f"store: {trouble}")
    elif gateway.journal.failing:
        reasons.append(f"journal: {gateway.journal.failing}")
    body = {
        "status": "not ready" if reasons else "ready",
        "reasons": reasons,
        "journal_seq": gateway.learner.seq,
        "load": gateway.shedding.state(),
    }
    return json_reply(body, 503 if reasons else 200)
