"""Whom a feedback is about: one answer, or all answers of a session; and with what weight it counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bandit import recalled
from proxy.governance.principal import Principal
from proxy.ingress.errors import Refusal
from proxy.learning.peers import AGAIN_S
from state.records import Decision, Feedback, FeedbackResult

if TYPE_CHECKING:
    from proxy.gateway import Gateway

_UNDER_WAY_S = 10.0
"""How long a feedback waits for the end of the answer that it is about."""

EPISODE = "episode"
"""Source of the rows that a session's feedback becomes, so that they can be told from an answer's own."""


@dataclass(slots=True)
class Outcome:
    """What became of one posted item: status, the value in force, and how many answers it was credited to."""

    status: str
    value: float
    answers: int = 1


async def credit(
    gateway: Gateway, principal: Principal, feedback: list[Feedback], sessions: list[str | None]
) -> list[Outcome]:
    """Commits the items, each about its `id` or, where `sessions` has one, about that session.

    A session's value is one observation, so each of its n answers gets it with weight 1/n: an episode of
    fifty calls must not outvote fifty answers that were judged one by one. An answer that has a verdict of
    its own keeps it. Raises StoreError.
    """
    if any(session is not None for session in sessions):
        # The last answers of the episode may be on their way into the journal, here or in another gateway.
        await gateway.journal.committed()
        await gateway.peers.settled()
    groups: list[list[Feedback]] = []
    for item, session in zip(feedback, sessions, strict=True):
        if session is None:
            await _weigh(gateway, item)
            groups.append([item])
        else:
            groups.append(await _episode(gateway, item, session))
    rows = [row for group in groups for row in group]
    results = await gateway.journal.judged(rows)
    results = await _again(gateway, principal, rows, results)
    outcomes, at = [], 0
    for item, group in zip(feedback, groups, strict=True):
        outcomes.append(_outcome(item, results[at : at + len(group)]))
        at += len(group)
    return outcomes


def _outcome(item: Feedback, results: list[FeedbackResult]) -> Outcome:
    statuses = {result.status for result in results} - {"unknown"}
    status = next((s for s in ("corrected", "new", "repeated") if s in statuses), "unknown")
    in_force = [result.feedback.value for result in results if result.feedback is not None]
    return Outcome(status, in_force[-1] if in_force else item.value, len(in_force))


async def _episode(gateway: Gateway, item: Feedback, session: str) -> list[Feedback]:
    open_: list[Decision] = []
    answers = await gateway.store.session(session, viewer=item.by)
    own, strangers = item.by.owner, set()
    for decision in answers:
        if decision.key != own.key and (not own.team or decision.team != own.team):
            strangers.add(decision.team or decision.key)
    if len(strangers) > 1:
        raise Refusal(
            409,
            f"Several clients have a session {session!r}: judge its answers by their ids.",
            code="session_ambiguous",
            param="session_id",
        )
    for decision in answers:
        if decision.status == "ok":
            given = await gateway.store.feedback_of(decision.request_id or decision.id, item.by)
            if all(f.metric != item.metric or f.source.startswith(EPISODE) for f in given):
                open_.append(decision)
    source = f"{EPISODE}/{item.source}" if item.source else EPISODE
    rows = []
    for decision in open_:
        row = replace(item, id=decision.request_id or decision.id)
        await _weigh(gateway, row, decision)
        row.weight /= len(open_)
        row.source = source
        rows.append(row)
    return rows


async def _weigh(gateway: Gateway, item: Feedback, decision: Decision | None = None) -> None:
    """Fixes the weight that corrects for who bothers to complain, where a source says who it is."""
    if not item.source:
        return
    decision = decision or await gateway.store.decision(item.id, item.by)
    bandit = gateway.learner.bandit
    if decision is not None and decision.arm in bandit.arms:
        item.weight = bandit.feedback_weight(
            bandit.index(decision.arm),
            recalled(decision.context),
            item.value,
            source=item.source,
            now=item.at,
        )


async def _again(
    gateway: Gateway, principal: Principal, feedback: list[Feedback], results: list[FeedbackResult]
) -> list[FeedbackResult]:
    """An id may be unknown only because its answer is still under way, here or in another gateway. Raises Refusal."""
    missing = [n for n, result in enumerate(results) if result.status == "unknown"]
    if not missing:
        return results
    ids = {feedback[n].id for n in missing}
    waiting = []
    for call in list(gateway.calls.values()):
        if not principal.sees(call.principal):
            continue
        if call.id in ids or (call.relay is not None and call.relay.pipe.id in ids):
            call.finished = call.finished or asyncio.Event()
            waiting.append(asyncio.ensure_future(call.finished.wait()))
    if waiting:
        try:
            await asyncio.wait(waiting, timeout=_UNDER_WAY_S)
        finally:
            for task in waiting:
                task.cancel()
        await gateway.journal.committed()
        await _retry(gateway, feedback, results)
    if gateway.store.shared and (unknown := _unknown(feedback, results)):
        elsewhere = await gateway.peers.settled(unknown)
        await _retry(gateway, feedback, results)
        unknown = _unknown(feedback, results)
        if any(
            name in unknown and principal.sees(Principal(key, team, frozenset()))
            for name, key, team in elsewhere
        ):
            raise Refusal(
                503,
                "The answer is still under way in another gateway on this database: try again when it has ended.",
                kind="api_error",
                code="answer_under_way",
                retry_after_s=AGAIN_S,
            )
    return results


def _unknown(feedback: list[Feedback], results: list[FeedbackResult]) -> set[str]:
    return {item.id for item, result in zip(feedback, results, strict=True) if result.status == "unknown"}


async def _retry(gateway: Gateway, feedback: list[Feedback], results: list[FeedbackResult]) -> None:
    missing = [n for n, result in enumerate(results) if result.status == "unknown"]
    for n in missing:
        await _weigh(gateway, feedback[n])
    retried = await gateway.journal.judged([feedback[n] for n in missing])
    for n, result in zip(missing, retried, strict=True):
        results[n] = result
