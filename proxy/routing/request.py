"""A client's request: read, checked as far as routing needs, and turned into facts.

Fields that only the provider understands are not judged here; it says itself what it doesn't like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from adapters import lenient_json
from adapters.canonical import Request
from bandit import RequestFacts
from proxy.config import ObjectiveConfig, describe
from proxy.ingress.errors import invalid
from proxy.ingress.request import Incoming

_LONGEST_NAME = 256

OWN_FIELDS = frozenset(
    {"objective", "task", "models", "provider", "session_id", "route", "require_parameters"}
)
"""Body fields that are for the gateway and don't travel on."""


@dataclass(slots=True, init=False)
class ClientRequest:
    """What came in. `document` is the parsed body, `raw` its bytes; token counts are estimates.
    `files`: it shows documents. `canonical` is set where `dialect` had to be decoded before routing.
    """

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
    dialect: str
    canonical: Request | None
    files: bool

    def __init__(
        self,
        raw: bytes,
        document: dict[str, Any],
        model: str,
        stream: bool,
        wants_usage: bool,
        facts: RequestFacts,
        input_tokens: int,
        objective: ObjectiveConfig | None,
        session: str | None,
        models: tuple[str, ...],
        provider: dict[str, Any],
        in_tool_loop: bool,
        user: str | None,
        require_parameters: bool = False,
        dialect: str = "openai_chat",
        canonical: Request | None = None,
    ) -> None:
        self.raw = raw
        self.document = document
        self.model = model
        self.stream = stream
        self.wants_usage = wants_usage
        self.facts = facts
        self.input_tokens = input_tokens
        self.objective = objective
        self.session = session
        self.models = models
        self.provider = provider
        self.in_tool_loop = in_tool_loop
        self.user = user
        self.require_parameters = require_parameters
        self.dialect = dialect
        self.canonical = canonical
        self.files = False


def travelling(document: dict[str, Any]) -> dict[str, Any]:
    """Returns the body without the gateway's own fields; the same object where there are none."""
    if OWN_FIELDS.isdisjoint(document):
        return document
    return {name: value for name, value in document.items() if name not in OWN_FIELDS}


async def read_json(request: Incoming) -> tuple[bytes, dict[str, Any]]:
    """Returns the body and the object it holds. Raises Refusal."""
    return parse_object(await request.read())


def parse_object(raw: bytes) -> tuple[bytes, dict[str, Any]]:
    """Parses a JSON object, and returns its text too, in which half a character is replaced. Raises Refusal: not JSON,
    nested deeper than 1,024, not an object.
    """
    if not raw:
        raise invalid("The body is empty; a JSON object was expected.")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        whole = lenient_json.without_halves(raw)
        if whole == raw:
            raise invalid(f"The body is not valid JSON: {error}") from None
        raw, document = parse_object(whole)
    if not isinstance(document, dict):
        raise invalid("The body must be a JSON object.")
    return raw, document


def name_field(value: object, field: str) -> str:
    """Returns `value` as a name of 1 to 256 characters. Raises Refusal."""
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"`{field}` must be a non-empty string.", field)
    if len(value) > _LONGEST_NAME:
        raise invalid(f"`{field}` must have at most {_LONGEST_NAME} characters, not {len(value)}.", field)
    return lenient_json.text(value)  # a header's may be no UTF-8


def chat_request(request: Incoming, raw: bytes, document: dict[str, Any]) -> ClientRequest:
    """Reads a chat-completions body. Raises Refusal naming the field."""
    model = name_field(document.get("model"), "model")
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid("`messages` must be a non-empty list.", "messages")
    system, text, characters, images, audio, files = _read_messages(messages)
    stream = _flag(document, "stream")
    options = document.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise invalid("`stream_options` must be an object.", "stream_options")
    wants_usage = bool(options and options.get("include_usage"))
    max_tokens = _positive(document, "max_completion_tokens") or _positive(document, "max_tokens")
    tools = document.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise invalid("`tools` must be a list.", "tools")
    form = document.get("response_format")
    if form is not None and not isinstance(form, dict):
        raise invalid("`response_format` must be an object.", "response_format")
    chat = assemble(
        request,
        raw,
        document,
        model=model,
        stream=stream,
        wants_usage=wants_usage,
        max_tokens=max_tokens,
        system=system,
        text=text,
        characters=characters,
        turns=len(messages),
        has_tools=bool(tools),
        has_images=images > 0,
        has_audio=audio > 0,
        has_schema=form is not None and form.get("type") not in (None, "text"),
        images=images,
        in_tool_loop=messages[-1].get("role") == "tool",
    )
    chat.files = files > 0
    return chat


def assemble(
    request: Incoming,
    raw: bytes,
    document: dict[str, Any],
    *,
    model: str,
    stream: bool,
    wants_usage: bool,
    max_tokens: int | None,
    system: str,
    text: str,
    characters: int,
    turns: int,
    has_tools: bool,
    has_images: bool,
    has_audio: bool,
    has_schema: bool,
    images: int,
    in_tool_loop: bool,
) -> ClientRequest:
    """Adds what every dialect shares: objective, task, session, candidate list, provider wishes."""
    headers = request.headers
    task = document.get("task", headers.get("X-Meritorder-Task"))
    if task is not None:
        task = name_field(task, "task")
    session = document.get("session_id") or headers.get("X-Session-Id") or document.get("prompt_cache_key")
    if session is not None:
        session = name_field(session, "session_id")
    models = document.get("models")
    if models is not None and not (
        isinstance(models, list) and all(isinstance(m, str) and m for m in models)
    ):
        raise invalid("`models` must be a list of model names.", "models")
    provider = document.get("provider")
    if provider is not None and not isinstance(provider, dict):
        raise invalid("`provider` must be an object.", "provider")
    strict = _flag(document, "require_parameters")
    if provider is not None and not strict:
        strict = _flag(provider, "require_parameters", "provider.")
    user = document.get("user")
    # What tools there are is part of the prompt: agents offer dozens, of more text than all else.
    tools = len(orjson.dumps(document["tools"])) if has_tools and document.get("tools") else 0
    return ClientRequest(
        raw=raw,
        document=document,
        model=model,
        stream=stream,
        wants_usage=wants_usage,
        facts=RequestFacts(
            route=model,
            task=task,
            system=system,
            text=text,
            characters=characters,
            turns=turns,
            has_tools=has_tools,
            has_images=has_images,
            has_schema=has_schema,
            stream=stream,
            max_tokens=max_tokens,
            has_audio=has_audio,
        ),
        input_tokens=(characters + tools) // 4 + 4 * turns + 800 * images + 3,
        objective=_objective(document.get("objective", headers.get("X-Meritorder-Objective"))),
        session=session,
        models=tuple(models) if models else (),
        provider=provider or {},
        in_tool_loop=in_tool_loop,
        user=user if isinstance(user, str) else None,
        require_parameters=strict,
    )


def _objective(value: object) -> ObjectiveConfig | None:
    if value is None:
        return None
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


def _flag(document: dict[str, Any], field: str, above: str = "") -> bool:
    value = document.get(field)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid(f"`{above}{field}` must be true or false.", above + field)
    return value


def _positive(document: dict[str, Any], field: str) -> int | None:
    value = document.get(field)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise invalid(f"`{field}` must be a positive integer.", field)
    return value


def _read_messages(messages: list[Any]) -> tuple[str, str, int, int, int, int]:
    """Returns (system prompt, last user text, characters of all text, images, audio clips, files)."""
    system = text = ""
    characters = images = audio = files = 0
    for position, message in enumerate(messages):
        if not isinstance(message, dict):
            raise invalid(f"`messages[{position}]` must be an object.", f"messages[{position}]")
        role = message.get("role")
        if not isinstance(role, str):
            raise invalid(f"`messages[{position}].role` must be a string.", f"messages[{position}].role")
        content = message.get("content")
        if isinstance(content, str):
            words = content
        elif isinstance(content, list):
            pieces = []
            for number, part in enumerate(content):
                if not isinstance(part, dict):
                    where = f"messages[{position}].content[{number}]"
                    raise invalid(f"`{where}` must be an object.", where)
                kind = part.get("type")
                if kind == "text":
                    pieces.append(str(part.get("text", "")))
                elif kind == "image_url":
                    images += 1
                elif kind == "input_audio":
                    audio += 1
                elif kind in {"file", "document_url"}:
                    files += 1
            words = "\n".join(pieces)
        elif content is None:
            words = ""
        else:
            where = f"messages[{position}].content"
            raise invalid(f"`{where}` must be a string, a list of parts, or null.", where)
        characters += len(words)
        if role == "user":
            text = words
        elif role in ("system", "developer") and not system:
            system = words
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            for call in calls:
                function = call.get("function") if isinstance(call, dict) else None
                if isinstance(function, dict):
                    characters += len(str(function.get("arguments", "")))
    return system, text, characters, images, audio, files
