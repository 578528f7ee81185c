"""`POST /v1/completions`: OpenAI's text completions. A chat model answers them too, through translation."""

from __future__ import annotations

from adapters.dialects import by_name
from proxy.dispatch.call import answer
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.reply import Reply, StreamReply
from proxy.routing.body import read_json
from proxy.routing.request import decoded_request


async def create(asked: EndpointRequest) -> Reply | StreamReply:
    """Answers in OpenAI's text completions API."""
    raw, document = await read_json(asked.http)
    request = decoded_request(asked.http, by_name("openai_completions"), raw, document)
    request.wants_usage = request.canonical().include_usage
    return await answer(asked.gateway, asked.http, request, asked.principal)
