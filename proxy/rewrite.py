"""A same-dialect request on its way up: the model's name replaced, usage asked for, our own fields taken out.

The bytes are spliced where that is unambiguous, so that what the client wrote arrives as written; else the
parsed document is dumped again.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from proxy.arms import Arm
from proxy.request import OWN_FIELDS

_MODEL = re.compile(rb'(?<!\\)"model"\s*:\s*"(?:[^"\\]|\\.)*"')
_USAGE = b',"stream_options":{"include_usage":true}}'


def rewrite(raw: bytes, document: dict[str, Any], *, arm: Arm, ask_usage: bool) -> bytes:
    """Returns the body to send. `document` is `raw` parsed; neither is changed."""
    options = document.get("stream_options") if ask_usage else None
    if not arm.parameters and options is None and arm.watched.isdisjoint(document):
        found = _MODEL.findall(raw)
        end = raw.rstrip()
        if len(found) == 1 and end.endswith(b"}"):
            name = b'"model":' + orjson.dumps(arm.model)
            body = end.replace(found[0], name, 1) if found[0] != name else end
            return body[:-1] + _USAGE if ask_usage else body
    changed = {key: value for key, value in document.items() if key not in OWN_FIELDS}
    changed["model"] = arm.model
    if ask_usage:
        changed["stream_options"] = {**(options or {}), "include_usage": True}
    changed.update(arm.parameters)
    return orjson.dumps(arm.row.adapt(changed))
