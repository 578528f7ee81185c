"""`POST /v1/completions`: OpenAI's text completions. A chat model answers them too, through translation."""

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
    """OpenAI's text completions."""
    raw, document = await read_json(http)
    dialect = by_name("openai_completions")
    request, canonical = decoded_request(http, raw, document, dialect)
    request.wants_usage = canonical.include_usage
    return await answer(gateway, http, dialect, request, canonical, principal)
