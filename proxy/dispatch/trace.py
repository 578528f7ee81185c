"""The trace that a client's request belongs to (W3C Trace Context), carried on to the provider."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{1,200})?")
_STATE = re.compile(r"[ -~]{1,512}")
"""Longer ones may be dropped, by the standard."""


def trace_head(headers: Mapping[str, str]) -> bytes:
    """Returns the header lines that carry the trace on; none where there is none, or it isn't of its form."""
    parent = headers.get("traceparent")
    if parent is None or _PARENT.fullmatch(parent) is None:
        return b""
    line = b"traceparent: %s\r\n" % parent.encode()
    state = headers.get("tracestate")
    if state is None or _STATE.fullmatch(state) is None:
        return line
    return b"%stracestate: %s\r\n" % (line, state.encode())
