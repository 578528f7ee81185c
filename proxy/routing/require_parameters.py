"""What an arm can't express: for requests that demand every parameter (`require_parameters`).

Without that demand, what would change the answer makes an arm ineligible when its turn comes, and hints that
change nothing in it (who the user is, labels, cache keys) are left out where the target has no place for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.canonical import Json, Media, Message, Request, Text, ToolResult
from adapters.errors import Inexpressible
from adapters.history import fitted
from adapters.limits import within
from adapters.portable import carried
from proxy.arms.arm import Arm
from proxy.routing.request import ClientRequest, travelling

_HINTS = ("user", "metadata", "cache_key", "service_tier", "top_k")
_USUAL_TIERS = (None, "auto", "default", "standard")
_WORD = (Message("user", (Text("."),)),)


def missing_words(arms: Sequence[Arm], request: ClientRequest) -> list[str | None]:
    """Returns for each arm the first thing that it can't say, None where it can say all. Raises Refusal."""
    canonical = request.canonical()
    stated = {
        name: value
        for name, value in travelling(request.document).items()
        if name != "stream_options" and value is not None
    }
    return [
        _refused(arm, stated) if arm.dialect is request.dialect else _untranslated(arm, canonical)
        for arm in arms
    ]


def obstacles_of(arms: Sequence[Arm], request: ClientRequest) -> list[str | None]:
    """Returns for each arm what keeps it from answering `request`, None where nothing does. Raises Refusal."""
    document = travelling(request.document)
    found: list[str | None] = []
    for arm in arms:
        try:
            if arm.dialect is request.dialect:
                arm.row.adapt({**document, "model": arm.model}, None, arm.model)
            else:
                _told(arm, replace(request.canonical(), model=arm.model, dropped=[]))
        except Inexpressible as error:
            found.append(error.feature)
        else:
            found.append(None)
    return found


def _told(arm: Arm, request: Request) -> Json:
    fit = fitted(carried(request, arm.target), arm.rules, arm.dialect.name)
    return arm.row.adapt(arm.dialect.encode_request(fit.request), request.dropped, arm.model)


def _refused(arm: Arm, stated: Json) -> str | None:
    """Bytes that pass: only what the provider's row takes out, or its model doesn't take as it is, is missing."""
    otherwise: list[str] = []
    try:
        within(arm.row.name, arm.dialect.name, arm.model, stated, otherwise)
        arm.row.adapt({**stated, "model": arm.model}, None, arm.model)
    except Inexpressible as error:
        return error.feature
    return min({*otherwise, *(arm.row.rejects & stated.keys())}, default=None)


def _untranslated(arm: Arm, request: Request) -> str | None:
    outgoing = replace(request, model=arm.model, dropped=[])

    def body(request: Request) -> Json:
        return _told(arm, request)

    try:
        body(outgoing)
        if lost := next((name for name in outgoing.dropped if name != "stream_options"), None):
            return lost
        if not arm.dialect.traits.openai_family and (lost := _lost_of_messages(outgoing)):
            return lost
        short = replace(outgoing, messages=_WORD)
        complete = body(short)
        for name in _HINTS:
            value = getattr(short, name)
            neutral = value in _USUAL_TIERS if name == "service_tier" else value is None
            unset: Json = {name: None}
            if not neutral and body(replace(short, **unset)) == complete:
                return name
        for name in short.extras:
            rest = {other: value for other, value in short.extras.items() if other != name}
            if name != "stream_options" and body(replace(short, extras=rest)) == complete:
                return name
    except Inexpressible as error:
        return error.feature
    return None


def _lost_of_messages(request: Request) -> str | None:
    """Returns what of the messages OpenAI's family alone can express: names, and details of pictures."""
    for message in request.messages:
        if message.name is not None:
            return "the name of a message"
        for part in message.parts:
            pieces = part.content if isinstance(part, ToolResult) else (part,)
            if any(isinstance(piece, Media) and piece.detail not in {None, "auto"} for piece in pieces):
                return "the detail of an image"
    return None
