"""A client's request: what came in, what it asks of the router, and its canonical form once somebody needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from adapters.canonical import Request
from adapters.dialect import Dialect
from adapters.dialects import by_name
from adapters.errors import InvalidRequest
from bandit import RequestFacts
from proxy.config import OWN_FIELDS, ObjectiveConfig, describe
from proxy.ingress.errors import invalid
from proxy.ingress.request import Incoming
from proxy.routing.body import flag, name_field
from proxy.routing.prompt import Prompt, canonical_prompt, chat_prompt

_OPENAI_CHAT = by_name("openai_chat")


@dataclass(slots=True, init=False)
class ClientRequest:
    """What came in. `document` is the parsed body, `raw` its bytes, `dialect` the client's; `input_tokens` is an estimate.
    `files`: it shows documents.
    """

    dialect: Dialect
    raw: bytes
    document: dict[str, Any]
    model: str
    stream: bool
    wants_usage: bool
    facts: RequestFacts
    input_tokens: int
    objective: ObjectiveConfig | None
    session: str | None
    models: tuple[str, ...]
    provider: dict[str, Any]
    in_tool_loop: bool
    user: str | None
    require_parameters: bool
    files: bool
    _canonical: Request | None

    def __init__(
        self,
        dialect: Dialect,
        raw: bytes,
        document: dict[str, Any],
        prompt: Prompt,
        task: str | None = None,
        canonical: Request | None = None,
    ) -> None:
        self.dialect = dialect
        self.raw = raw
        self.document = document
        self.model = prompt.model
        self.stream = prompt.stream
        self.wants_usage = prompt.wants_usage
        self.facts = RequestFacts(
            route=prompt.model,
            task=task,
            system=prompt.system,
            text=prompt.text,
            characters=prompt.characters,
            turns=prompt.turns,
            has_tools=prompt.has_tools,
            has_images=prompt.images > 0,
            has_schema=prompt.has_schema,
            max_tokens=prompt.max_tokens,
            has_audio=prompt.audio > 0,
        )
        self.input_tokens = prompt.tokens(document)
        self.objective = None
        self.session = None
        self.models = ()
        self.provider = {}
        self.in_tool_loop = prompt.in_tool_loop
        self.user = None
        self.require_parameters = False
        self.files = prompt.files
        self._canonical = canonical

    def canonical(self) -> Request:
        """Returns the request in canonical form, decoded at the first call. Raises Refusal naming the field."""
        if self._canonical is None:
            self._canonical = _decoded(self.dialect, self.document)
        return self._canonical


def chat_request(http: Incoming, raw: bytes, document: dict[str, Any]) -> ClientRequest:
    """Returns the request of a chat-completions body. Raises Refusal naming the field."""
    return request_of(http, _OPENAI_CHAT, raw, document, chat_prompt(document))


def decoded_request(http: Incoming, dialect: Dialect, raw: bytes, document: dict[str, Any]) -> ClientRequest:
    """Returns the request of a body of any other dialect, decoded. Raises Refusal naming the field."""
    name_field(document.get("model"), "model")
    canonical = _decoded(dialect, document)
    return request_of(http, dialect, raw, document, canonical_prompt(canonical), canonical=canonical)


def request_of(
    http: Incoming,
    dialect: Dialect,
    raw: bytes,
    document: dict[str, Any],
    prompt: Prompt,
    *,
    task: str | None = None,
    canonical: Request | None = None,
) -> ClientRequest:
    """Adds what clients of every dialect can ask of the router, in the body or in headers. `task` is the kind of work
    where the client names none. Raises Refusal naming the field.
    """
    headers = http.headers
    named = document.get("task", headers.get("X-Meritorder-Task"))
    if named is not None:
        task = name_field(named, "task")
    request = ClientRequest(dialect, raw, document, prompt, task, canonical)
    session = document.get("session_id") or headers.get("X-Session-Id") or document.get("prompt_cache_key")
    if session is not None:
        request.session = name_field(session, "session_id")
    models = document.get("models")
    if models is not None:
        if not (isinstance(models, list) and all(isinstance(m, str) and m for m in models)):
            raise invalid("`models` must be a list of model names.", "models")
        request.models = tuple(models)
    request.require_parameters = flag(document, "require_parameters")
    provider = document.get("provider")
    if provider is not None:
        if not isinstance(provider, dict):
            raise invalid("`provider` must be an object.", "provider")
        request.provider = provider
        if not request.require_parameters:
            request.require_parameters = flag(provider, "require_parameters", "provider.")
    objective = document.get("objective", headers.get("X-Meritorder-Objective"))
    if objective is not None:
        request.objective = _objective(objective)
    user = document.get("user")
    if isinstance(user, str):
        request.user = user
    return request


def travelling(document: dict[str, Any]) -> dict[str, Any]:
    """Returns the body without the gateway's own fields; the same object where there are none."""
    if OWN_FIELDS.isdisjoint(document):
        return document
    return {name: value for name, value in document.items() if name not in OWN_FIELDS}


def _decoded(dialect: Dialect, document: dict[str, Any]) -> Request:
    try:
        return dialect.decode_request(travelling(document))
    except InvalidRequest as error:
        raise invalid(error.message, error.field) from None


def _objective(value: object) -> ObjectiveConfig:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise invalid("`objective` is not valid JSON.", "objective") from None
    if isinstance(value, str):
        value = {"preset": value}
    try:
        return ObjectiveConfig.model_validate(value)
    except ValidationError as error:
        path = ".".join(["objective", *(str(part) for part in error.errors()[0]["loc"])])
        raise invalid(f"`objective`: {describe(error)}", path, status=422) from None
