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


class ApiEndpoint(NamedTuple):
    """A handler, and the scopes of which a key needs one; None: no key is asked for."""

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
    ("POST", "/v1/chat/completions"): ApiEndpoint(chat.completions, DATA),
    ("POST", "/chat/completions"): ApiEndpoint(chat.completions, DATA),
    ("POST", "/v1/messages"): ApiEndpoint(messages.create, DATA),
    ("POST", "/v1/messages/count_tokens"): ApiEndpoint(messages.count_tokens, DATA),
    ("POST", "/v1/responses"): ApiEndpoint(responses.create, DATA),
    ("POST", "/v1/completions"): ApiEndpoint(completions.create, DATA),
    ("POST", "/v1/embeddings"): ApiEndpoint(embeddings.create, DATA),
    ("POST", "/v1/audio/transcriptions"): ApiEndpoint(audio.transcribe, DATA),
    ("POST", "/v1/audio/speech"): ApiEndpoint(audio.speak, DATA),
    ("GET", "/v1/models"): ApiEndpoint(models.listing, _MODELS),
    ("GET", "/v1beta/models"): ApiEndpoint(gemini.listing, _MODELS),
    ("GET", "/models"): ApiEndpoint(models.listing, _MODELS),
    ("POST", "/v1/feedback"): ApiEndpoint(feedback.post, FEEDBACK),
    ("POST", "/v1/labels"): ApiEndpoint(labels.post, FEEDBACK),
    ("GET", "/v1/arms"): ApiEndpoint(arms.listing, _READ),
    ("POST", "/v1/arms"): ApiEndpoint(control.add_arm, _ADMIN),
    ("GET", "/v1/generation"): ApiEndpoint(generation.get, _READ),
    ("POST", "/v1/explain"): ApiEndpoint(chat.explain, _READ),
    ("GET", "/healthz"): ApiEndpoint(health.healthz, None),
    ("GET", "/readyz"): ApiEndpoint(health.readyz, ALL_SCOPES),
}

PREFIXES = {
    ("GET", "/v1/models/"): ApiEndpoint(models.one, _MODELS),
    ("POST", "/v1beta/models/"): ApiEndpoint(gemini.call, DATA),
    ("POST", "/v1/models/"): ApiEndpoint(gemini.call, DATA),
    ("GET", "/v1beta/models/"): ApiEndpoint(gemini.one, _MODELS),
    ("DELETE", "/v1/arms/"): ApiEndpoint(control.remove_arm, _ADMIN),
    ("PUT", "/v1/prices/"): ApiEndpoint(control.set_price, _ADMIN),
    ("DELETE", "/v1/prices/"): ApiEndpoint(control.undo_price, _ADMIN),
}
