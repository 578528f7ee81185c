"""One module per API; these tables say which path leads where, and what a key must be allowed to take it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from proxy.endpoints import (
    arms,
    audio,
    chat,
    completions,
    control,
    embeddings,
    gemini,
    generation,
    health,
    labels,
    messages,
    models,
    responses,
)
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.endpoints.feedback import endpoint as feedback
from proxy.governance.principal import ALL_SCOPES, Scope
from proxy.ingress.reply import Reply, StreamReply

Handler = Callable[[EndpointRequest], Awaitable[Reply | StreamReply]]


class Endpoint(NamedTuple):
    """A handler, and the scopes of which a key needs one. None: whoever asks is answered."""

    handler: Handler
    scopes: tuple[Scope, ...] | None


DATA: tuple[Scope, ...] = ("data",)
FEEDBACK: tuple[Scope, ...] = ("feedback",)
"""These two are refused when there is too much of them."""

_READ: tuple[Scope, ...] = ("read",)
_ADMIN: tuple[Scope, ...] = ("admin",)
_MODELS: tuple[Scope, ...] = ("read", "data")
"""Clients list the models before they ask one."""

EXACT = {
    ("POST", "/v1/chat/completions"): Endpoint(chat.completions, DATA),
    ("POST", "/chat/completions"): Endpoint(chat.completions, DATA),
    ("POST", "/v1/messages"): Endpoint(messages.create, DATA),
    ("POST", "/v1/messages/count_tokens"): Endpoint(messages.count_tokens, DATA),
    ("POST", "/v1/responses"): Endpoint(responses.create, DATA),
    ("POST", "/v1/completions"): Endpoint(completions.create, DATA),
    ("POST", "/v1/embeddings"): Endpoint(embeddings.create, DATA),
    ("POST", "/v1/audio/transcriptions"): Endpoint(audio.transcribe, DATA),
    ("POST", "/v1/audio/speech"): Endpoint(audio.speak, DATA),
    ("GET", "/v1/models"): Endpoint(models.listing, _MODELS),
    ("GET", "/v1beta/models"): Endpoint(gemini.listing, _MODELS),
    ("GET", "/models"): Endpoint(models.listing, _MODELS),
    ("POST", "/v1/feedback"): Endpoint(feedback.post, FEEDBACK),
    ("POST", "/v1/labels"): Endpoint(labels.post, FEEDBACK),
    ("GET", "/v1/arms"): Endpoint(arms.listing, _READ),
    ("POST", "/v1/arms"): Endpoint(control.add_arm, _ADMIN),
    ("GET", "/v1/generation"): Endpoint(generation.get, _READ),
    ("POST", "/v1/explain"): Endpoint(chat.explain, _READ),
    ("GET", "/healthz"): Endpoint(health.healthz, None),
    ("GET", "/readyz"): Endpoint(health.readyz, ALL_SCOPES),
}

PREFIXES = {
    ("GET", "/v1/models/"): Endpoint(models.one, _MODELS),
    ("POST", "/v1beta/models/"): Endpoint(gemini.call, DATA),
    ("POST", "/v1/models/"): Endpoint(gemini.call, DATA),
    ("GET", "/v1beta/models/"): Endpoint(gemini.one, _MODELS),
    ("DELETE", "/v1/arms/"): Endpoint(control.remove_arm, _ADMIN),
    ("PUT", "/v1/prices/"): Endpoint(control.set_price, _ADMIN),
    ("DELETE", "/v1/prices/"): Endpoint(control.undo_price, _ADMIN),
}
