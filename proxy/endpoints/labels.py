"""`POST /v1/labels`: queries that were judged before traffic, to start warm; acknowledged when committed."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.gateway import Gateway
from proxy.ingress.errors import Refusal, invalid, unprocessable
from proxy.ingress.reply import Reply, json_reply
from proxy.ingress.request import Incoming
from proxy.routing.body import read_json
from proxy.routing.request import chat_request
from state.records import Label

_MOST = 1000


async def post(asked: EndpointRequest) -> Reply:
    """Commits `labels`: chat requests as clients would send them, each with `qualities`, arm → value, and perhaps
    `output_tokens`, arm → count; all of them, or none with the field at fault.
    """
    gateway, http, principal = asked.gateway, asked.http, asked.principal
    raw, document = await read_json(http)
    items = document.get("labels")
    if not isinstance(items, list) or not items:
        raise invalid("`labels` must be a non-empty list.", "labels")
    if len(items) > _MOST:
        raise Refusal(413, f"At most {_MOST} labels at once, not {len(items)}.", code="too_many_items")
    now = gateway.clock.now()
    labels = [_read(gateway, http, raw, item, f"labels[{n}]", now) for n, item in enumerate(items)]
    for label in labels:
        label.by = principal.owner
    await gateway.store.add_labels(labels)
    last = max(label.seq for label in labels)
    if last:
        await gateway.learner.catch_up(gateway.store, until=last)
    new = sum(label.seq > 0 for label in labels)
    return json_reply({"object": "labels", "new": new, "repeated": len(labels) - new})


def _read(gateway: Gateway, http: Incoming, raw: bytes, item: object, where: str, now: float) -> Label:
    if not isinstance(item, dict):
        raise unprocessable(f"`{where}` must be an object: messages and qualities.", where)
    qualities = _qualities(gateway, item.get("qualities"), f"{where}.qualities")
    lengths = _output_tokens(item.get("output_tokens"), qualities, f"{where}.output_tokens")
    try:
        facts = chat_request(http, raw, {"model": "auto", **item}).facts
    except Refusal as error:
        field = f"{where}.{error.param}" if error.param else where
        raise Refusal(
            error.status, f"{where}: {error.message}", kind=error.kind, param=field, code=error.code
        ) from None
    context = gateway.learner.bandit.bare_context(facts)
    query = orjson.dumps([facts.task, item["messages"], sorted(qualities)])
    return Label(hashlib.sha256(query).digest(), now, context.task, context.x, qualities, lengths)


def _qualities(gateway: Gateway, values: Any, where: str) -> dict[str, float]:
    if not isinstance(values, dict) or not values:
        raise unprocessable(f"`{where}` must be an object of arms and values from 0 to 1.", where)
    for name, value in values.items():
        if name not in gateway.arms.by_name:
            raise unprocessable(f"There is no arm {name!r}.", f"{where}.{name}")
        if not isinstance(value, int | float) or not 0.0 <= value <= 1.0:  # true and false are 1 and 0
            raise unprocessable(
                f"`{where}.{name}` must be true, false or a number from 0 to 1.", f"{where}.{name}"
            )
    return {name: float(value) for name, value in values.items()}


def _output_tokens(counts: Any, qualities: dict[str, float], where: str) -> dict[str, int]:
    if counts is None:
        return {}
    if not isinstance(counts, dict):
        raise unprocessable(f"`{where}` must be an object of arms and numbers of tokens.", where)
    for name, count in counts.items():
        if name not in qualities:
            raise unprocessable(f"{name!r} has no value in `qualities`.", f"{where}.{name}")
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise unprocessable(f"`{where}.{name}` must be a whole number from 1 on.", f"{where}.{name}")
    return counts
