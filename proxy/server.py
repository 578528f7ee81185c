"""The listening side: admission, dispatch by path, and errors in the client's dialect."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

from aiohttp import HttpVersion11
from aiohttp.web import BaseRequest, RequestPayloadError

from proxy.endpoints import EXACT, PREFIXES, Endpoint
from proxy.errors import Refusal, invalid, not_found
from proxy.gateway import Gateway
from proxy.idlers import SWEEP_S, Idlers
from proxy.incoming import Incoming
from proxy.lane import Lanes
from proxy.principal import LOCAL
from proxy.reply import JSON, Reply, StreamReply
from state.store import StoreError

log = logging.getLogger("meritorder.server")

_MAX_HEADER = 32 * 1024
"""Longest header line and field, as much as common proxies take; the sum is bounded by aiohttp's parser."""


class Server:
    """Serves lanes, and what is out of the ordinary by aiohttp's low-level server: no router, no middleware."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._max_body = gateway.config.server.max_body_bytes
        self._server = Lanes(
            self._handle,
            largest=self._max_body,
            loop=gateway.loop,
            request_factory=self._request,
            handler_cancellation=True,
            access_log=None,
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
            keepalive_timeout=75.0,
        )
        self._listening: asyncio.Server | None = None
        self._hurried = False
        self._idlers = Idlers()

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> BaseRequest:
        return BaseRequest(
            message, payload, protocol, writer, task, self._gateway.loop, client_max_size=self._max_body
        )

    async def listen(self, sock: socket.socket) -> None:
        """Begins to accept on a bound socket."""
        self._listening = await self._gateway.loop.create_server(self._server, sock=sock, backlog=2048)
        self._gateway.tasks.start(self._sweep(), name="idle clients")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep(self._gateway.loop.time())

    def sweep(self, now: float) -> int:
        """Lets clients go that have sent nothing for too long as of `now`; returns how many."""
        return self._idlers.sweep(self._server.lanes, now)

    def hurry(self) -> None:
        """Ends the patience of `close`."""
        self._hurried = True

    async def close(self, grace_s: float) -> None:
        """Stops accepting, lets what is under way end for `grace_s` seconds or until `hurry`, then cuts it."""
        self._gateway.draining = True
        if self._listening is not None:
            self._listening.close()
        self._server.pre_shutdown()
        deadline = self._gateway.loop.time() + grace_s
        loop, calls = self._gateway.loop, self._gateway.calls
        while calls and not self._hurried and loop.time() < deadline:  # noqa: ASYNC110  no event per call for this
            await asyncio.sleep(0.05)
        for call in list(calls.values()):
            call.cut("The gateway is shutting down.")
        await self._server.shutdown(1.0)

    async def _handle(self, request: Incoming) -> Reply | StreamReply:
        path = request.raw_path.partition("?")[0]
        try:
            endpoint: Endpoint | None = EXACT.get((request.method, path))
            rest = ""
            if endpoint is None:
                endpoint, rest = _by_prefix(request.method, path)
            scopes = endpoint.scopes
            principal = LOCAL if scopes is None else self._gateway.admission.admit(request, scopes)
            if "Expect" in request.headers and isinstance(request, BaseRequest):
                self._expected(request)
            return await endpoint.handler(self._gateway, request, principal, rest)
        except Refusal as refusal:
            return _refused(refusal, path)
        except StoreError as error:
            return _refused(
                Refusal(
                    503,
                    f"The store can't be used: {error}",
                    kind="api_error",
                    code="store_unavailable",
                    retry_after_s=1.0,
                ),
                path,
            )
        except RequestPayloadError as error:
            reason = " ".join(str(error).split()) or "it broke off"
            return _refused(invalid(f"The body can't be read: {reason}"), path)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("%s %s failed", request.method, path)
            failed = Refusal(
                500, "The gateway failed; its log says why.", kind="api_error", code="internal_error"
            )
            return _refused(failed, path)

    def _expected(self, request: BaseRequest) -> None:
        """Lets a client that asks first send its body, or spares it the sending. Raises Refusal."""
        if request.headers["Expect"].lower() != "100-continue":
            raise Refusal(417, "The only expectation met here is 100-continue.", param="Expect")
        if (request.content_length or 0) > self._max_body:
            raise Refusal(413, f"The body is larger than {self._max_body} bytes.", code="too_large")
        if request.version >= HttpVersion11 and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _refused(refusal: Refusal, path: str) -> Reply:
    dialect = "anthropic" if path.startswith("/v1/messages") else "openai_chat"
    head = JSON
    if refusal.retry_after_s is not None:
        head += b"Retry-After: %d\r\n" % max(1, round(refusal.retry_after_s))
    if refusal.status == 401:
        head += b"WWW-Authenticate: Bearer\r\n"
    return Reply(refusal.status, refusal.body(dialect), head)


def _by_prefix(method: str, path: str) -> tuple[Endpoint, str]:
    if method == "HEAD":
        method = "GET"  # the reply leaves its body out
        exact: Endpoint | None = EXACT.get((method, path))
        if exact is not None:
            return exact, ""
    for (wanted, prefix), endpoint in PREFIXES.items():
        if method == wanted and path.startswith(prefix) and len(path) > len(prefix):
            return endpoint, path[len(prefix) :]
    known = {m for (m, p) in EXACT if p == path}
    known |= {m for (m, p) in PREFIXES if path.startswith(p) and len(path) > len(p)}
    if known:
        raise Refusal(
            405, f"{path} takes {' or '.join(sorted(known))}, not {method}.", code="method_not_allowed"
        )
    raise not_found(f"There is no {path} here.", code="path_not_found")
