"""`POST /v1/responses`: OpenAI's Responses API, without stored responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.dialects import by_name
from proxy.dispatch.call import answer
from proxy.governance.principal import Principal
from proxy.ingress.reply import Reply, StreamReply
from proxy.ingress.request import Incoming
from proxy.routing.decoded_request import decoded_request
from proxy.routing.request import read_json

if TYPE_CHECKING:
    from proxy.gateway import Gateway


async def create(gateway: Gateway, http: Incoming, principal: Principal, _rest: str) -> Reply | StreamReply:
    """OpenAI's responses."""
    raw, document = await read_json(http)
    dialect = by_name("openai_responses")
    request, canonical = decoded_request(http, raw, document, dialect)
    return await answer(gateway, http, dialect, request, canonical, principal)
