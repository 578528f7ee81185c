"""`POST /v1beta/models/{model}:generateContent`, `:streamGenerateContent` and `:countTokens`: Gemini's API, and its models."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote

from adapters.dialects import by_name
from proxy.dispatch.call import answer
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.errors import invalid, not_found
from proxy.ingress.reply import JSON, Reply, StreamReply, json_reply
from proxy.routing.body import read_json
from proxy.routing.request import ClientRequest, decoded_request

_VERBS = ("generateContent", "streamGenerateContent", "countTokens")
_GEMINI = by_name("gemini")


async def call(asked: EndpointRequest) -> Reply | StreamReply:
    """Generates, streams or counts, as the path says after the model's name."""
    model, colon, verb = asked.rest.rpartition(":")
    if not colon or verb not in _VERBS:
        raise not_found(f"A model can be asked for {', '.join(_VERBS)}.", code="path_not_found")
    stream = verb == "streamGenerateContent"
    query = parse_qs(asked.http.raw_path.partition("?")[2])
    if stream and query.get("alt") != ["sse"]:
        raise invalid("Only Server-Sent Events are streamed here: add `?alt=sse` to the path.", "alt")
    raw, document = await read_json(asked.http)
    if verb == "countTokens":
        return _count(asked, _request(asked, raw, document.get("generateContentRequest") or document, model))
    request = _request(asked, raw, document, model, stream=stream)
    return await answer(asked.gateway, asked.http, request, asked.principal)


def _request(
    asked: EndpointRequest, raw: bytes, document: object, model: str, *, stream: bool = False
) -> ClientRequest:
    """Returns the request with what other APIs say in the body, and the path here."""
    if not isinstance(document, dict):
        raise invalid("`generateContentRequest` must be an object.", "generateContentRequest")
    named: dict[str, Any] = {**document, "model": unquote(model).removeprefix("models/"), "stream": stream}
    return decoded_request(asked.http, _GEMINI, raw, named)


def _count(asked: EndpointRequest, request: ClientRequest) -> Reply:
    """Returns an estimate: which model will answer is not decided yet, and each counts differently."""
    asked.gateway.router.plan(request, asked.principal, asked.gateway.loop.time())
    return json_reply({"totalTokens": request.input_tokens}, head=JSON + b"X-Meritorder-Estimated: true\r\n")


def _rows(asked: EndpointRequest) -> dict[str, dict[str, object]]:
    rows: dict[str, dict[str, object]] = {name: {} for name in asked.gateway.router.routes}
    for arm in asked.gateway.arms:
        limits = {"inputTokenLimit": arm.context_window, "outputTokenLimit": arm.max_output}
        rows[arm.name] = {key: limit for key, limit in limits.items() if limit is not None}
    return {
        name: {
            "name": f"models/{name}",
            "displayName": name,
            "supportedGenerationMethods": list(_VERBS),
            **limits,
        }
        for name, limits in rows.items()
    }


async def listing(asked: EndpointRequest) -> Reply:
    """Returns routes and arms."""
    return json_reply({"models": list(_rows(asked).values())})


async def one(asked: EndpointRequest) -> Reply:
    """Returns one of them."""
    row = _rows(asked).get(unquote(asked.rest))
    if row is None:
        raise not_found("There is no such model here: GET /v1beta/models lists them.", code="model_not_found")
    return json_reply(row)
