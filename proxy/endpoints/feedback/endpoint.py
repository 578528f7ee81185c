"""`POST /v1/feedback`: one value or a list, about answers or whole sessions, acknowledged when committed."""

from __future__ import annotations

import json
from typing import Any

import orjson

from adapters import lenient_json
from adapters.dialects.shared.lenient import word
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.endpoints.feedback.attribution import attribute
from proxy.ingress.errors import Refusal, invalid, unprocessable
from proxy.ingress.reply import Reply, json_reply
from proxy.ingress.request import Incoming
from state.records import Feedback

_MOST = 1000
_LONGEST = 4000
_LONGEST_NAME = 256
_METRICS = frozenset({"quality"})
_NAMES = ("id", "generation_id", "session_id")


async def post(asked: EndpointRequest) -> Reply:
    """Answers 200 when all of it is committed, 404 for a single unknown id; a list has a status for each item."""
    gateway, http, principal = asked.gateway, asked.http, asked.principal
    document = await _document(http)
    many = isinstance(document, list)
    items: list[Any] = document if isinstance(document, list) else [document]
    if not many and not isinstance(document, dict):
        raise invalid("The body must be a feedback object or a list of them.")
    if not items:
        raise invalid("The list is empty.")
    if len(items) > _MOST:
        raise Refusal(413, f"At most {_MOST} items in one list, not {len(items)}.", code="too_many_items")
    key = http.headers.get("Idempotency-Key")
    if key is not None:
        key = lenient_json.text(key)
    if key is not None and not 0 < len(key) <= _LONGEST_NAME:
        raise invalid("`Idempotency-Key` must have 1 to 256 characters.", "Idempotency-Key")
    now = gateway.clock.now()
    feedback, sessions = [], []
    for n, item in enumerate(items):
        prefix = f"[{n}]." if many else ""
        row, of_session = _read(item, prefix, now, key and f"{key}/{n}")
        row.by = principal.viewer
        feedback.append(row)
        sessions.append(row.id if of_session else None)
    outcomes = await attribute(gateway, principal, feedback, sessions)
    rows: list[dict[str, object]] = []
    for row, session, outcome in zip(feedback, sessions, outcomes, strict=True):
        named: dict[str, object] = {"id": row.id} if session is None else {"session_id": session}
        rows.append({**named, "status": outcome.status, "metric": row.metric, "value": outcome.value})
        if session is not None:
            rows[-1]["answers"] = outcome.answers
    if many:
        return json_reply({"object": "list", "data": rows})
    if outcomes[0].status == "unknown":
        if sessions[0] is not None:
            raise Refusal(
                404,
                f"The session {sessions[0]!r} has no answer that was not judged by itself.",
                code="session_not_found",
                param="session_id",
            )
        raise Refusal(
            404, f"No answer has the id {feedback[0].id!r}.", code="generation_not_found", param="id"
        )
    return json_reply(rows[0])


async def _document(http: Incoming) -> object:
    raw = await http.read()
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        whole = lenient_json.without_halves(raw)
        # Python's own encoder writes NaN, which is no JSON; but the field at fault is worth naming.
        loads = json.loads if b"NaN" in raw or b"Infinity" in raw else orjson.loads
        if whole != raw or loads is json.loads:
            try:
                return loads(whole)
            except (ValueError, RecursionError):
                pass
        raise invalid(f"The body is not valid JSON: {error}") from None


def _read(item: object, prefix: str, now: float, key: str | None) -> tuple[Feedback, bool]:
    """Returns the feedback, and whether its id is a session's."""
    if not isinstance(item, dict):
        raise unprocessable(
            f"`{prefix.rstrip('.')}` must be an object: id (or session_id) and value.", prefix.rstrip(".")
        )
    given = [name for name in _NAMES if item.get(name) is not None]
    if len(given) > 1:
        raise unprocessable(f"`{given[0]}` and `{given[1]}` can't both be given.", prefix + given[1])
    field = given[0] if given else "id"
    name = item.get(field)
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise unprocessable(
            f"`{field}` must be the {'session' if field == 'session_id' else 'answer'}'s id,"
            " a string of 1 to 256 characters.",
            prefix + field,
        )
    metric = item.get("metric", "quality")
    if not isinstance(metric, str) or metric not in _METRICS:
        raise unprocessable(f"`metric` must be one of {', '.join(sorted(_METRICS))}.", prefix + "metric")
    value = item.get("value")
    if isinstance(value, bool):
        value = float(value)
    if not isinstance(value, int | float) or not 0.0 <= value <= 1.0:  # neither is NaN
        raise unprocessable("`value` must be true, false or a number from 0 to 1.", prefix + "value")
    row = Feedback(
        id=name if field == "session_id" else word(name) or name,  # as the record was written
        metric=metric,
        value=float(value),
        at=now,
        source=_text(item, "source", prefix, 64),
        comment=_text(item, "comment", prefix, _LONGEST),
        idempotency_key=key,
    )
    return row, field == "session_id"


def _text(item: dict[str, Any], field: str, prefix: str, longest: int) -> str:
    value = item.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise unprocessable(f"`{field}` must be a string of at most {longest} characters.", prefix + field)
    return value
