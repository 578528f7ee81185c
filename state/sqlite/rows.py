"""Rows of the tables to records and back."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import numpy as np
import orjson

from state.records import Decision, Feedback, Floats, Owner, Vector

Row = tuple[Any, ...]

PLAIN_COLUMNS = (
    "seq, id, id_hash, request_id, request_hash, at, task, arm, propensity, candidates, frame, finished_at,"
    " status, http_status, finish, input_tokens, output_tokens, cost_usd, details, context, probabilities, principal"
)
"""Of a decision without session, user and time to the first token: sqlite3 takes longer to bind a None than
SQLite to store it."""

DECISION_COLUMNS = PLAIN_COLUMNS + ", session, user, ttft_s"
FEEDBACK_COLUMNS = "seq, id, metric, value, at, weight, source, comment, idempotency_key"

_FLOAT32 = np.dtype("<f4")
_LARGEST_INTEGER = 2**63 - 1
_ORDINARY: tuple[Any, ...] = (None, None, None, None, False, [], [])


def hash_of(id: str) -> int:
    """Returns the short hash under which an id is indexed; look-ups compare the id itself as well."""
    return zlib.crc32(id.encode("utf-8", "replace"))


def dumps_or_null(value: dict[str, object] | None) -> str | None:
    """Returns JSON of an object, NULL of none."""
    return None if value is None else dumps(value)


def parsed_or_none(value: str | None) -> dict[str, Any] | None:
    """Returns what `dumps_or_null` wrote."""
    if value is None:
        return None
    parsed: dict[str, Any] = orjson.loads(value)
    return parsed


def dumps(value: object) -> str:
    """Returns JSON of anything: what JSON doesn't know becomes its text."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except (TypeError, ValueError):
        # Lone surrogates, keys that are no strings, integers over 64 bits.
        return json.dumps(value, default=str, ensure_ascii=False).encode("utf-8", "replace").decode()


def frame_of(d: Decision) -> str:
    """Returns what many decisions have in common, as the JSON that is stored once for all of them."""
    # The empty place is that of the key, which has a column of its own since several keys may share a frame.
    return dumps((d.route, d.dialect, d.streamed, "", d.price_version, d.objective))


def pack_decision(d: Decision, seq: int, candidates: int, frame: int, principal: int) -> Row:
    """Returns the values of DECISION_COLUMNS, those of PLAIN_COLUMNS alone where the rest is None."""
    request_id = d.request_id if d.request_id and d.request_id != d.id else None
    rare: tuple[object, ...] = (
        d.error,
        d.cached_tokens,
        d.cache_write_tokens,
        d.reasoning_tokens,
        d.usage_estimated,
        d.attempts,
        d.dropped,
    )
    if d.upstream_request is not None:  # places more, which earlier versions didn't have
        rare += (d.bill, d.excluded, d.upstream_request)
    elif d.excluded:
        rare += (d.bill, d.excluded)
    elif d.bill is not None:
        rare += (d.bill,)
    row = (
        seq,
        d.id,
        hash_of(d.id),
        request_id,
        None if request_id is None else hash_of(request_id),
        d.at,
        d.task,
        d.arm,
        d.propensity,
        candidates,
        frame,
        d.finished_at,
        d.status,
        d.http_status,
        d.finish,
        d.input_tokens,
        d.output_tokens,
        d.cost_usd,
        "" if rare == _ORDINARY else dumps(rare),  # sqlite3 binds a None more slowly
        pack_floats(d.context),
        pack_floats(d.probabilities),
        principal,
    )
    if d.session is None and d.user is None and d.ttft_s is None:
        return row
    return (*row, d.session, d.user, d.ttft_s)


def unpack_decision(row: Row, arms: tuple[str, ...], frame: list[Any], owner: Owner | None) -> Decision:
    """Returns the decision of the values of DECISION_COLUMNS, the parsed texts that it names, and its owner's name."""
    route, dialect, streamed, former, price_version, objective = frame
    key, team = owner or (former, "")
    rare = orjson.loads(row[18]) if row[18] else _ORDINARY
    # Rows of older versions end before `dropped`.
    error, cached_tokens, cache_write_tokens, reasoning_tokens, usage_estimated, attempts, *more = rare
    return Decision(
        id=row[1],
        at=_number(row[5]),
        route=route,
        task=row[6],
        arm=row[7],
        arms=arms,
        probabilities=unpack_floats(row[20]),
        propensity=_number(row[8]),
        context=unpack_floats(row[19]),
        objective=dict(objective),
        price_version=price_version,
        key=key,
        team=team,
        session=row[22],
        user=row[23],
        dialect=dialect,
        streamed=streamed,
        request_id=row[3] or "",
        finished_at=_number(row[11]),
        status=row[12],
        http_status=row[13],
        error=error,
        finish=row[14],
        input_tokens=row[15],
        cached_tokens=cached_tokens,
        cache_write_tokens=cache_write_tokens,
        output_tokens=row[16],
        reasoning_tokens=reasoning_tokens,
        usage_estimated=usage_estimated,
        cost_usd=row[17],
        ttft_s=row[24],
        attempts=list(attempts),
        dropped=list(more[0]) if more else [],
        bill=more[1] if len(more) > 1 else None,
        excluded=dict(more[2]) if len(more) > 2 else {},
        upstream_request=more[3] if len(more) > 3 else None,
        seq=row[0],
    )


def pack_feedback(f: Feedback, seq: int, decision: int, previous: int | None, principal: int) -> Row:
    """Returns the values of FEEDBACK_COLUMNS and then decision, previous and principal."""
    return (
        seq,
        f.id,
        f.metric,
        f.value,
        f.at,
        f.weight,
        f.source,
        f.comment,
        f.idempotency_key,
        decision,
        previous,
        principal,
    )


def unpack_feedback(row: Row, *, arm: str, task: str, context: Floats) -> Feedback:
    """Returns the feedback of the values of FEEDBACK_COLUMNS, with columns of its decision."""
    seq, answer, metric, value, at, weight, source, comment, idempotency_key = row
    return Feedback(
        id=answer,
        metric=metric,
        value=value,
        at=at,
        weight=weight,
        source=source,
        comment=comment,
        idempotency_key=idempotency_key,
        seq=seq,
        arm=arm,
        task=task,
        context=context,
    )


def storable(row: Row) -> Row:
    """Returns the row with what SQLite can't hold replaced: lone surrogates, integers over 64 bits, objects.

    The slow way for a batch that was refused: a request header may hold bytes that are no UTF-8, and an
    upstream may report a nonsensical number of tokens.
    """
    return tuple(map(_storable, row))


def _storable(value: Any) -> Any:
    if value is None or isinstance(value, float | bytearray):
        return value
    if isinstance(value, int):
        return max(-_LARGEST_INTEGER, min(int(value), _LARGEST_INTEGER))
    return text(str(value))


def text(value: str) -> str:
    """Returns what is stored of a string: lone surrogates become question marks."""
    return value.encode("utf-8", "replace").decode()


def pack_floats(array: Vector) -> bytearray:
    """Returns the float32 values of an array, for `unpack_floats`."""
    if array.dtype != _FLOAT32:
        array = array.astype(_FLOAT32)
    return bytearray(array.tobytes())  # sqlite3 binds it in half the time that it takes for bytes


def unpack_floats(blob: bytes) -> Floats:
    """Returns a read-only array of shape (n,)."""
    return np.frombuffer(blob, _FLOAT32)


def _number(value: float | None) -> float:
    # SQLite has no NaN: it stores NULL.
    return math.nan if value is None else value
