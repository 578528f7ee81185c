"""How many connections, how long, how large."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; `math.inf` switches one off. Checked every `PoolLimits.sweep_seconds`, so they fire that much late.

    `queue`: waiting for one of the origin's connections. `connect`: name, TCP, proxy and TLS together.
    `first_byte`: from the request (or the last progress in writing it) to the answer. `idle`: between reads.
    `total`: from `send` to the end.
    """

    connect: float = 10.0
    first_byte: float = 300.0  # reasoning models answer a non-streamed request after minutes
    idle: float = 120.0
    total: float = 1800.0
    queue: float = 30.0


LEAST_CONNECT_S = 0.1
"""Half of it is the way around the globe and back: who waits for less says nothing of the provider."""

LEAST_SILENCE_S = 1.0
"""No model is bound to begin its answer, or to go on with it, sooner."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds per origin (scheme, host, port) and per answer."""

    max_connections: int = 2048
    max_idle: int = 1024  # a crowd's answers come together: fewer would be opened anew for its next questions
    idle_seconds: float = 55.0  # below the 60 s after which most load balancers close
    header_bytes: int = 65536
    dns_seconds: float = 30.0
    stagger_seconds: float = 0.25  # RFC 8305, section 8, recommends 250 ms between connection attempts
    sweep_seconds: float = 0.25
