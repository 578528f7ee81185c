"""`GET /v1/models` and `GET /v1/models/{name}`: routes and arms, as OpenAI and Anthropic list models."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

from proxy.arms.arm import Arm
from proxy.endpoints import gemini
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.gateway import Gateway
from proxy.ingress.errors import not_found
from proxy.ingress.reply import Reply, json_reply


def _rows(gateway: Gateway) -> dict[str, dict[str, object]]:
    created = int(gateway.started_at)
    # What Anthropic's clients read of a model stands beside what OpenAI's do.
    common: dict[str, object] = {
        "object": "model",
        "created": created,
        "type": "model",
        "created_at": datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    rows: dict[str, dict[str, object]] = {
        name: {"id": name, "display_name": name, "owned_by": "meritorder", **common}
        for name in gateway.router.routes
    }
    for arm in gateway.arms:
        rows[arm.name] = {
            "id": arm.name,
            "display_name": arm.name,
            "owned_by": arm.provider,
            "context_length": arm.context_window,
            "pricing": _pricing(arm),
            **common,
        }
    return rows


def _pricing(arm: Arm) -> dict[str, str | None]:
    """Returns US dollars per token as texts; None where the price is unknown."""
    if not arm.priced:
        return {"prompt": None, "completion": None}
    return {"prompt": f"{arm.price.input:.12g}", "completion": f"{arm.price.output:.12g}"}


async def listing(asked: EndpointRequest) -> Reply:
    """Returns all of them; in Google's form where the request holds Google's kind of key."""
    if asked.http.headers.get("x-goog-api-key"):
        return await gemini.listing(asked)
    rows = _rows(asked.gateway)
    names = list(rows)
    ends = {"has_more": False, "first_id": names[0], "last_id": names[-1]}
    return json_reply({"object": "list", "data": list(rows.values()), **ends})


async def one(asked: EndpointRequest) -> Reply:
    """Returns one of them."""
    if asked.http.headers.get("x-goog-api-key"):
        return await gemini.one(asked)
    name = unquote(asked.rest)
    row = _rows(asked.gateway).get(name)
    if row is None:
        raise not_found(f"The model {name!r} does not exist here.", code="model_not_found", param="model")
    return json_reply(row)
