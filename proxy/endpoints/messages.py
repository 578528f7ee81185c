"""`POST /v1/messages` and `/v1/messages/count_tokens`: Anthropic's API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.dialects import by_name
from proxy.dispatch.call import answer
from proxy.governance.principal import Principal
from proxy.ingress.reply import JSON, Reply, StreamReply, json_reply
from proxy.ingress.request import Incoming
from proxy.routing.decoded_request import decoded_request
from proxy.routing.request import read_json

if TYPE_CHECKING:
    from proxy.gateway import Gateway


async def create(gateway: Gateway, http: Incoming, principal: Principal, _rest: str) -> Reply | StreamReply:
    """Anthropic's messages."""
    raw, document = await read_json(http)
    dialect = by_name("anthropic_messages")
    request, canonical = decoded_request(http, raw, document, dialect)
    return await answer(gateway, http, dialect, request, canonical, principal)


async def count_tokens(gateway: Gateway, http: Incoming, principal: Principal, _rest: str) -> Reply:
    """An estimate: which model will answer is not decided yet, and each counts differently."""
    raw, document = await read_json(http)
    document.setdefault("max_tokens", 1)
    request, _ = decoded_request(http, raw, document, by_name("anthropic_messages"))
    gateway.router.plan(request, principal, gateway.loop.time())
    return json_reply({"input_tokens": request.input_tokens}, head=JSON + b"X-Meritorder-Estimated: true\r\n")
