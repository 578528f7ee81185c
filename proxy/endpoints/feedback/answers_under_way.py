"""Feedback that comes before the end of the answer it is about: it waits for that end, here or in another gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from proxy.gateway import Gateway
from proxy.governance.principal import Principal
from proxy.ingress.errors import Refusal
from proxy.learning.peers import AGAIN_S
from state.records import Feedback, FeedbackResult

_UNDER_WAY_S = 10.0
"""How long a feedback waits for the end of the answer that it is about."""


async def judged(gateway: Gateway, principal: Principal, rows: list[Feedback]) -> list[FeedbackResult]:
    """Commits feedback; where an id is unknown, once more when the answers that are under way have ended. Raises
    StoreError, Refusal.
    """
    results = await gateway.journal.judged(rows)
    ids = _unknown(rows, results)
    if not ids:
        return results
    if await _ended_here(gateway, principal, ids):
        await gateway.journal.committed()
        await _retry(gateway, rows, results)
    if gateway.store.shared and (ids := _unknown(rows, results)):
        elsewhere = await gateway.peers.settled(ids)
        await _retry(gateway, rows, results)
        ids = _unknown(rows, results)
        if any(
            name in ids and principal.sees(Principal(key, team, frozenset())) for name, key, team in elsewhere
        ):
            raise Refusal(
                503,
                "The answer is still under way in another gateway on this database: try again when it has ended.",
                kind="api_error",
                code="answer_under_way",
                retry_after_s=AGAIN_S,
            )
    return results


async def _ended_here(gateway: Gateway, principal: Principal, ids: Collection[str]) -> bool:
    """Waits for the calls with one of these ids; False where there is none."""
    waiting = []
    for call in list(gateway.calls.values()):
        if not principal.sees(call.principal):
            continue
        if call.id in ids or (call.relay is not None and call.relay.shown_id in ids):
            call.finished = call.finished or asyncio.Event()
            waiting.append(asyncio.ensure_future(call.finished.wait()))
    if not waiting:
        return False
    try:
        await asyncio.wait(waiting, timeout=_UNDER_WAY_S)
    finally:
        for task in waiting:
            task.cancel()
    return True


def _unknown(rows: list[Feedback], results: list[FeedbackResult]) -> set[str]:
    return {row.id for row, result in zip(rows, results, strict=True) if result.status == "unknown"}


async def _retry(gateway: Gateway, rows: list[Feedback], results: list[FeedbackResult]) -> None:
    missing = [n for n, result in enumerate(results) if result.status == "unknown"]
    retried = await gateway.journal.judged([rows[n] for n in missing])
    for n, result in zip(missing, retried, strict=True):
        results[n] = result
