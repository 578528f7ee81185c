"""Web pages of origins that the operator allows: their browsers ask first, and must be told that they may read a reply."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from proxy.ingress.reply import Reply, in_header
from proxy.ingress.request import Incoming

_ASKED_S = 600
"""How long a browser needn't ask again; most keep it no longer anyway."""

_NAMES = re.compile(r"[A-Za-z0-9_, -]{1,1000}")

_READABLE = (
    b"X-Generation-Id, X-Meritorder-Arm, X-Meritorder-Propensity, X-Meritorder-Route, X-Meritorder-Dropped,"
    b" X-Meritorder-Shed, X-Request-ID, Retry-After"
)


class CrossOrigin:
    """What is said to pages of some origins."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def head(self, headers: Mapping[str, str]) -> bytes:
        """Returns the header lines by which the page that asks may read the reply; none for other pages."""
        origin = headers.get("Origin") if self._origins else None
        if origin is None or origin.lower() not in self._origins:
            return b""
        return b"Access-Control-Allow-Origin: %s\r\nAccess-Control-Expose-Headers: %s\r\nVary: Origin\r\n" % (
            in_header(origin),
            _READABLE,
        )

    def preflight(self, request: Incoming) -> Reply | None:
        """Returns the answer to a browser that asks whether a page may call; None where that isn't asked, or not allowed.

        It comes without a key. What it allows is only to send the request, which then needs one.
        """
        if request.method != "OPTIONS" or not request.reply_head:
            return None
        if request.headers.get("Access-Control-Request-Method") is None:
            return None
        head = (
            b"Access-Control-Allow-Methods: GET, POST, PUT, DELETE\r\nAccess-Control-Max-Age: %d\r\n"
            % _ASKED_S
        )
        names = request.headers.get("Access-Control-Request-Headers", "")
        if _NAMES.fullmatch(names):
            head += b"Access-Control-Allow-Headers: %s\r\n" % names.encode()
        return Reply(200, b"", head)
