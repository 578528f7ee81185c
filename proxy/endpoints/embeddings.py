"""`POST /v1/embeddings`: passed on to the arms that serve the model."""

from __future__ import annotations

from adapters.dialects.embeddings import PATH, decode_embedding_request, embeddings_tap
from adapters.errors import InvalidRequest
from proxy.dispatch.call import begin
from proxy.dispatch.wires.passthrough import Passthrough, plain_request, plan_for
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.ingress.errors import invalid
from proxy.ingress.reply import Reply, StreamReply
from proxy.routing.body import name_field, read_json

_EMBEDDINGS = Passthrough("embeddings", PATH, r"embed|\bbge-|\be5-|\bgte-", embeddings_tap)


async def create(asked: EndpointRequest) -> Reply | StreamReply:
    """Passes OpenAI's embeddings on."""
    gateway, http, principal = asked.gateway, asked.http, asked.principal
    raw, document = await read_json(http)
    model = name_field(document.get("model"), "model")
    try:
        inputs = decode_embedding_request(document).inputs
    except InvalidRequest as error:
        raise invalid(error.message, error.field) from None
    text = "\n".join(item for item in inputs if isinstance(item, str))
    request = plain_request(http, _EMBEDDINGS, raw, document, model=model, task="embeddings", text=text)
    request.input_tokens += sum(len(item) for item in inputs if not isinstance(item, str))
    plan = plan_for(gateway, request, principal, _EMBEDDINGS)
    return await begin(gateway, http, request, principal, plan=plan).run()
