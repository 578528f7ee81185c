"""`POST /v1/feedback`: one value or a list, acknowledged when committed."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp.web import BaseRequest

from proxy.errors import Refusal, invalid, unprocessable
from proxy.reply import Reply, json_reply
from state.records import Feedback, FeedbackResult

if TYPE_CHECKING:
    from proxy.gateway import Gateway

_MOST = 1000
_LONGEST = 4000
_METRICS = frozenset({"quality"})
_UNDER_WAY_S = 10.0
_ELSEWHERE_S = 0.3


async def post(gateway: Gateway, http: BaseRequest, _key: str, _rest: str) -> Reply:
    """200 when all of it counts; 404 for a single unknown id; a list says so item by item."""
    raw = await http.read()
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise invalid(f"The body is not valid JSON: {error}") from None
    many = isinstance(document, list)
    if not many and not isinstance(document, dict):
        raise invalid("The body must be a feedback object or a list of them.")
    items: list[Any] = document if many else [document]
    if not items:
        raise invalid("The list is empty.")
    if len(items) > _MOST:
        raise Refusal(413, f"At most {_MOST} items in one list, not {len(items)}.", code="too_many_items")
    key = http.headers.get("Idempotency-Key")
    now = time.time()
    feedback = [
        _read(item, f"[{n}]." if many else "", now, key and f"{key}/{n}") for n, item in enumerate(items)
    ]
    await _weigh(gateway, feedback)
    results = await gateway.journal.judged(feedback)
    results = await _again(gateway, feedback, results)
    if not many and results[0].status == "unknown":
        raise Refusal(
            404, f"No answer has the id {feedback[0].id!r}.", code="generation_not_found", param="id"
        )
    rows = [
        {"id": item.id, "status": result.status, "metric": item.metric, "value": item.value}
        for item, result in zip(feedback, results, strict=True)
    ]
    return json_reply({"object": "list", "data": rows} if many else rows[0])


def _read(item: object, prefix: str, now: float, key: str | None) -> Feedback:
    if not isinstance(item, dict):
        raise invalid(f"`{prefix.rstrip('.')}` must be an object.", prefix.rstrip("."))
    name = item.get("id", item.get("generation_id"))
    if not isinstance(name, str) or not 0 < len(name) <= 256:
        raise unprocessable("`id` must be the answer's id, a string of 1 to 256 characters.", prefix + "id")
    metric = item.get("metric", "quality")
    if metric not in _METRICS:
        raise unprocessable(f"`metric` must be one of {', '.join(sorted(_METRICS))}.", prefix + "metric")
    value = item.get("value")
    if isinstance(value, bool):
        value = float(value)
    if not isinstance(value, (int, float)) or not math.isfinite(value) or not 0.0 <= value <= 1.0:
        raise unprocessable("`value` must be true, false or a number from 0 to 1.", prefix + "value")
    return Feedback(
        id=name,
        metric=metric,
        value=float(value),
        at=now,
        source=_text(item, "source", prefix, 64),
        comment=_text(item, "comment", prefix, _LONGEST),
        idempotency_key=key,
    )


def _text(item: dict[str, Any], field: str, prefix: str, longest: int) -> str:
    value = item.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise unprocessable(f"`{field}` must be a string of at most {longest} characters.", prefix + field)
    return value


async def _weigh(gateway: Gateway, feedback: list[Feedback]) -> None:
    """Fixes the weight that corrects for who bothers to complain, where a source says who it is."""
    for item in feedback:
        if not item.source:
            continue
        decision = await gateway.store.decision(item.id)
        if decision is not None:
            bandit = gateway.learner.bandit
            item.weight = bandit.feedback_weight(
                bandit.index(decision.arm),
                decision.context.astype("float64"),
                item.value,
                source=item.source,
                now=item.at,
            )


async def _again(
    gateway: Gateway, feedback: list[Feedback], results: list[FeedbackResult]
) -> list[FeedbackResult]:
    """An id may be unknown only because its answer is still under way, here or in another worker."""
    missing = [n for n, result in enumerate(results) if result.status == "unknown"]
    if not missing:
        return results
    ids = {feedback[n].id for n in missing}
    waiting = []
    for call in list(gateway.calls.values()):
        if call.id in ids or (call.relay is not None and call.relay.pipe.id in ids):
            call.finished = call.finished or asyncio.Event()
            waiting.append(asyncio.ensure_future(call.finished.wait()))
    if waiting:
        await asyncio.wait(waiting, timeout=_UNDER_WAY_S)
        for task in waiting:
            task.cancel()
    elif gateway.config.server.workers > 1:
        await asyncio.sleep(_ELSEWHERE_S)
    else:
        return results
    retried = await gateway.journal.judged([feedback[n] for n in missing])
    for n, result in zip(missing, retried, strict=True):
        results[n] = result
    return results
