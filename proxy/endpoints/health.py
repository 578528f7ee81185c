"""`GET /healthz` (the process lives) and `GET /readyz` (it can serve and write)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.governance.principal import Principal
from proxy.ingress.reply import Reply, json_reply
from proxy.ingress.request import Incoming

if TYPE_CHECKING:
    from proxy.gateway import Gateway


async def healthz(_gateway: Gateway, _http: Incoming, _principal: Principal, _rest: str) -> Reply:
    """Needs no key and says nothing but that."""
    return json_reply({"status": "ok"})


async def readyz(gateway: Gateway, _http: Incoming, _principal: Principal, _rest: str) -> Reply:
    """503 while draining, without arms, or while the store can't be relied on or the journal can't be written.
    `load` says how near the limits it is.
    """
    reasons = []
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
