"""A same-dialect request on its way up: the model's name replaced, usage asked for, our own fields taken out.

The bytes are spliced where that is unambiguous, so that what the client wrote arrives as written; else the
parsed document is dumped again.
"""

from __future__ import annotations

from typing import Any

import orjson

from adapters.limits import within
from adapters.portable import body_at_most, note
from proxy.arms.arm import Arm
from proxy.config import OWN_FIELDS

_NOTHING: frozenset[str] = frozenset()
_KEY = b'"model"'
_IN_PATH = frozenset({"model", "stream"})
_USAGE = b',"stream_options":{"include_usage":true}}'


def rewrite(
    raw: bytes,
    document: dict[str, Any],
    *,
    arm: Arm,
    ask_usage: bool,
    dropped: list[str],
    without: frozenset[str] = _NOTHING,
) -> bytes:
    """Returns the body to send. `document` is `raw` parsed; neither is changed. `dropped` hears what the arm doesn't take,
    by its provider's rules or as it said itself (`without`).
    """
    ask_usage = ask_usage and "stream_options" not in without
    if arm.max_output is not None and arm.dialect.traits.demands_max_tokens:
        limited = body_at_most(document, arm.max_output, dropped)
        if limited is not document:
            raw, document = orjson.dumps(limited), limited
    if not arm.limited.isdisjoint(document):
        limited = within(arm.row.name, arm.dialect.name, arm.model, document, dropped)
        if limited is not document:
            raw, document = orjson.dumps(limited), limited
    if arm.dialect.traits.model_in_path:
        return _of_path(raw, document, arm)
    options = document.get("stream_options") if ask_usage else None
    if (
        not arm.parameters
        and options is None
        and arm.watched.isdisjoint(document)
        and without.isdisjoint(document)
    ):
        spliced = _spliced(raw, orjson.dumps(document.get("model")), arm.model)
        if spliced is not None:
            return spliced[:-1] + _USAGE if ask_usage else spliced
    changed = {key: value for key, value in document.items() if key not in OWN_FIELDS}
    changed["model"] = arm.model
    if ask_usage:
        changed["stream_options"] = {**(options or {}), "include_usage": True}
    changed.update(arm.parameters)
    return orjson.dumps(arm.row.adapt(_left_out(changed, without, dropped), dropped, arm.model))


def _of_path(raw: bytes, document: dict[str, Any], arm: Arm) -> bytes:
    """The path names the model and says whether to stream; in the document both were added."""
    if not arm.parameters and OWN_FIELDS.isdisjoint(document):
        return raw
    rest = {key: value for key, value in document.items() if key not in OWN_FIELDS and key not in _IN_PATH}
    return orjson.dumps({**rest, **arm.parameters})


def encode(
    body: dict[str, Any], *, arm: Arm, dropped: list[str], without: frozenset[str] = _NOTHING
) -> bytes:
    """Returns a translated body with the arm's own parameters, as bytes. `dropped` hears what the provider doesn't take."""
    whole = _left_out({**body, **arm.parameters}, without, dropped)
    return orjson.dumps(arm.row.adapt(whole, dropped, arm.model))


def _left_out(body: dict[str, Any], without: frozenset[str], dropped: list[str]) -> dict[str, Any]:
    # Not `without & body.keys()`: that is a set, and compiled code believes it a frozenset.
    for name in [name for name in body if name in without] if without else ():
        del body[name]
        if name != "stream_options":
            note(dropped, name)
    return body


def _spliced(raw: bytes, asked: bytes, model: str) -> bytes | None:
    """Returns `raw` with the model replaced, None where that isn't plain: another key of that name somewhere.

    `asked` is the model that `raw` names, as JSON.
    """
    start = raw.find(_KEY)
    at = raw.find(asked, start + len(_KEY))
    if start < 1 or raw[start - 1] == 0x5C or at < 0 or raw.rfind(_KEY) != start:
        return None
    end = raw.rstrip()
    if raw[start + len(_KEY) : at].strip() != b":" or not end.endswith(b"}"):
        return None
    return b"".join((end[:start], b'"model":', orjson.dumps(model), end[at + len(asked) :]))
