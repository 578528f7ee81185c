"""`POST /v1/responses`: OpenAI's Responses API, without stored responses."""

from __future__ import annotations

from adapters.dialects import by_name
from proxy.dispatch.call import answer
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.reply import Reply, StreamReply
from proxy.routing.body import read_json
from proxy.routing.request import decoded_request


async def create(asked: EndpointRequest) -> Reply | StreamReply:
    """Answers in OpenAI's responses API."""
    raw, document = await read_json(asked.http)
    request = decoded_request(asked.http, by_name("openai_responses"), raw, document)
    return await answer(asked.gateway, asked.http, request, asked.principal)
