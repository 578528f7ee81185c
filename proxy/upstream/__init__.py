"""Pooled HTTP/1.1 connections to the providers, made for a relay: callbacks, no task and no copy per chunk.

A request goes `pool` (origins, time limits) → `origin` (idle connections, waiting line) → `dial` (`resolver`,
`race`, `proxies`, `tunnel`, `tls`) when a connection is missing → `connection` (write, parse, `inflate`) →
the relay's `Sink`, which the `exchange` holds. `failures` is the tree of what can go wrong, `lacks` what of it is ours.
"""

from proxy.upstream.dialing.addresses import Addresses
from proxy.upstream.dialing.proxies import Proxies
from proxy.upstream.dialing.tls import client_context
from proxy.upstream.endpoint import Endpoint, complete_head, head_prefix, request_head
from proxy.upstream.exchange import Exchange, Sink
from proxy.upstream.failures import (
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    LocalLack,
    ProtocolViolation,
    QueueTimeout,
    ShutDown,
    TlsFailed,
    TotalTimeout,
    UpstreamFailure,
)
from proxy.upstream.lacks import is_lack, lacks_descriptors
from proxy.upstream.limits import PoolLimits, Timeouts
from proxy.upstream.pool import Pool

__all__ = [
    "Addresses",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionLost",
    "Endpoint",
    "Exchange",
    "FirstByteTimeout",
    "IdleTimeout",
    "LocalLack",
    "Pool",
    "PoolLimits",
    "ProtocolViolation",
    "Proxies",
    "QueueTimeout",
    "ShutDown",
    "Sink",
    "Timeouts",
    "TlsFailed",
    "TotalTimeout",
    "UpstreamFailure",
    "client_context",
    "complete_head",
    "head_prefix",
    "is_lack",
    "lacks_descriptors",
    "request_head",
]
