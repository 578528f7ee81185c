"""`POST /v1/messages` and `/v1/messages/count_tokens`: Anthropic's API."""

from __future__ import annotations

from adapters.dialects import by_name
from proxy.dispatch.call import answer
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.reply import JSON, Reply, StreamReply, json_reply
from proxy.routing.body import read_json
from proxy.routing.request import decoded_request


async def create(asked: EndpointRequest) -> Reply | StreamReply:
    """Answers in Anthropic's messages API."""
    raw, document = await read_json(asked.http)
    request = decoded_request(asked.http, by_name("anthropic_messages"), raw, document)
    return await answer(asked.gateway, asked.http, request, asked.principal)


async def count_tokens(asked: EndpointRequest) -> Reply:
    """Returns an estimate: which model will answer is not decided yet, and each counts differently."""
    raw, document = await read_json(asked.http)
    document.setdefault("max_tokens", 1)
    request = decoded_request(asked.http, by_name("anthropic_messages"), raw, document)
    asked.gateway.router.plan(request, asked.principal, asked.gateway.loop.time())
    return json_reply({"input_tokens": request.input_tokens}, head=JSON + b"X-Meritorder-Estimated: true\r\n")
