"""TLS towards upstreams: verified, HTTP/1.1 by ALPN, sessions resumed."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any


class ResumingContext(ssl.SSLContext):
    """Offers each host the session of its last connection.

    asyncio has no argument for a session, but makes every TLS object through `wrap_bio`.
    """

    _sessions: dict[str, ssl.SSLSession]

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        host = kwargs.get("server_hostname")
        if host is not None and kwargs.get("session") is None:
            kwargs["session"] = self._sessions_by_host().get(host)
        return super().wrap_bio(*args, **kwargs)

    def remember(self, connection: object) -> None:
        """Keeps the session of a TLS object that has read data: with TLS 1.3 tickets come after the handshake."""
        if isinstance(connection, ssl.SSLObject) and connection.server_hostname is not None:
            session = connection.session
            if session is not None:
                self._sessions_by_host()[connection.server_hostname] = session

    def _sessions_by_host(self) -> dict[str, ssl.SSLSession]:
        # SSLContext is built by __new__, so there is no __init__ to do this in.
        try:
            return self._sessions
        except AttributeError:
            self._sessions = {}
            return self._sessions


def client_context(ca_file: str | Path | None = None) -> ResumingContext:
    """The system's authorities, or those of a PEM file instead; TLS 1.2 at least."""
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=str(ca_file))
    context.set_alpn_protocols(["http/1.1"])
    return context
