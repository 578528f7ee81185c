"""Whom a feedback is about: one answer, or all answers of a session; and with what weight it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from proxy.endpoints.feedback.answers_under_way import judged
from proxy.gateway import Gateway
from proxy.governance.principal import Principal
from proxy.ingress.errors import Refusal
from state.records import Decision, Feedback, FeedbackResult, Viewer

EPISODE = "episode"
"""Source of the rows that a session's feedback becomes, so that they differ from an answer's own."""


@dataclass(slots=True)
class Outcome:
    """What became of one posted item: status, the value in force, and how many answers it counts for."""

    status: str
    value: float
    answers: int = 1


async def attribute(
    gateway: Gateway, principal: Principal, feedback: list[Feedback], sessions: list[str | None]
) -> list[Outcome]:
    """Commits the items, each about its `id` or, where `sessions` has one, about that session. Raises StoreError,
    Refusal.
    """
    if any(session is not None for session in sessions):
        # The last answers of the episode may be on their way into the journal, here or in another gateway.
        await gateway.journal.committed()
        await gateway.peers.settled()
    groups: list[list[Feedback]] = []
    for item, session in zip(feedback, sessions, strict=True):
        if item.source:
            # A source tells who speaks: the weight corrects for who bothers to.
            item.weight = gateway.learner.bandit.feedback_weight(item.value, source=item.source)
        if session is None:
            groups.append([item])
        else:
            groups.append(_episode(item, await _open_answers(gateway, item, session)))
    results = await judged(gateway, principal, [row for group in groups for row in group])
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


def _episode(item: Feedback, answers: Sequence[Decision]) -> list[Feedback]:
    """Returns a session's feedback as one of each of its answers.

    It is one observation, so each of n answers gets it with weight 1/n: an episode of fifty calls must not outvote
    fifty answers that were judged one by one.
    """
    source = f"{EPISODE}/{item.source}" if item.source else EPISODE
    return [
        replace(item, id=answer.request_id or answer.id, weight=item.weight / len(answers), source=source)
        for answer in answers
    ]


async def _open_answers(gateway: Gateway, item: Feedback, session: str) -> list[Decision]:
    """Returns the answers of a session that have no verdict of their own. Raises StoreError, Refusal."""
    answers = await gateway.store.session(session, viewer=item.by)
    if _of_several_clients(answers, item.by):
        raise Refusal(
            409,
            f"Several clients have a session {session!r}: judge its answers by their ids.",
            code="session_ambiguous",
            param="session_id",
        )
    open_: list[Decision] = []
    for answer in answers:
        if answer.status == "ok":
            given = await gateway.store.feedback_of(answer.request_id or answer.id, item.by)
            if all(f.metric != item.metric or f.source.startswith(EPISODE) for f in given):
                open_.append(answer)
    return open_


def _of_several_clients(answers: Sequence[Decision], viewer: Viewer) -> bool:
    own = viewer.owner
    strangers = {
        answer.team or answer.key
        for answer in answers
        if answer.key != own.key and (not own.team or answer.team != own.team)
    }
    return len(strangers) > 1
