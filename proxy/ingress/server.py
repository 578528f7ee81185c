"""The listening side: admission, dispatch by path, and errors in the client's dialect."""

from __future__ import annotations

import asyncio
import logging
import socket

from proxy.endpoints import DATA, EXACT, FEEDBACK, ApiEndpoint
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.gateway import Gateway
from proxy.governance.principal import LOCAL
from proxy.ingress.accepting import Acceptor
from proxy.ingress.connection import ClientConnections
from proxy.ingress.cross_origin import CrossOrigin
from proxy.ingress.errors import Refusal
from proxy.ingress.idle import SWEEP_S, IdleClients
from proxy.ingress.paths import find_endpoint
from proxy.ingress.reply import Reply, StreamReply, in_header, refused
from proxy.ingress.request import Incoming
from state.interface import StoreError

log = logging.getLogger("meritorder.server")

_LONGEST_NAME = 256
"""Of the id that a client gives its request, to be given back."""


class Server:
    """Serves clients' connections: no router, no middleware."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._connections = ClientConnections(
            self._handle,
            largest=gateway.config.server.max_body_bytes,
            buffers=gateway.buffers,
            loop=gateway.loop,
        )
        self._listening: Acceptor | None = None
        self._hurried = False
        self._idle_clients = IdleClients()
        self._cross_origin = CrossOrigin(gateway.config.server.allowed_origins)

    async def listen(self, sock: socket.socket) -> None:
        """Begins to accept on a bound socket."""
        self._listening = Acceptor(sock, self._connections, self._gateway.tasks, self._gateway.loop)
        self._listening.start()
        self._gateway.tasks.start(self._sweep(), name="idle clients")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep(self._gateway.loop.time())

    def sweep(self, now: float) -> int:
        """Closes connections whose clients have sent nothing for too long as of `now`; returns how many."""
        return self._idle_clients.sweep(self._connections.open, now)

    def hurry(self) -> None:
        """Makes `close` cut what is still under way."""
        self._hurried = True

    async def close(self, grace_s: float) -> None:
        """Stops accepting, lets what is under way end for `grace_s` seconds or until `hurry`, then cuts it."""
        self._gateway.draining = True
        if self._listening is not None:
            self._listening.close()
        self._connections.close()
        deadline = self._gateway.loop.time() + grace_s
        loop, calls = self._gateway.loop, self._gateway.calls
        while calls and not self._hurried and loop.time() < deadline:  # noqa: ASYNC110  no event per call for this
            await asyncio.sleep(0.05)
        for call in list(calls.values()):
            call.cut("The gateway is shutting down.")
        await self._connections.shutdown(1.0)

    async def _handle(self, request: Incoming) -> Reply | StreamReply:
        path = request.raw_path.partition("?")[0]
        request.reply_head = self._cross_origin.head(request.headers)
        if request.reply_head and (answer := self._cross_origin.preflight(request)) is not None:
            return answer
        name = request.headers.get("X-Request-ID")
        if name is not None and len(name) <= _LONGEST_NAME:
            request.reply_head += b"X-Request-ID: %s\r\n" % in_header(name)
        try:
            endpoint: ApiEndpoint | None = EXACT.get((request.method, path))
            rest = ""
            if endpoint is None:
                endpoint, rest, path = find_endpoint(request.method, path)
            scopes = endpoint.scopes
            principal = LOCAL if scopes is None else self._gateway.admission.admit(request, scopes)
            if scopes is DATA:
                self._gateway.shedding.admit()
            elif scopes is FEEDBACK:
                self._gateway.shedding.admit_feedback()
            if request.body is None:
                _check_expectation(request)
            return await endpoint.handler(EndpointRequest(self._gateway, request, principal, rest))
        except Refusal as refusal:
            return refused(refusal, path)
        except StoreError as error:
            return refused(
                Refusal(
                    503,
                    f"The store can't be used: {error}",
                    kind="api_error",
                    code="store_unavailable",
                    retry_after_s=1.0,
                ),
                path,
            )
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            # The path may end in a client's words.
            log.exception(
                "%s %s failed", request.method, path if (request.method, path) in EXACT else "request"
            )
            failed = Refusal(
                500, "The gateway failed; its log says why.", kind="api_error", code="internal_error"
            )
            return refused(failed, path)


def _check_expectation(request: Incoming) -> None:
    expected = request.headers.get("Expect")
    if expected is not None and expected.lower() != "100-continue" and request.chunks:
        raise Refusal(417, "The only expectation met here is 100-continue.", param="Expect")
