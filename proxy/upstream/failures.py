"""What can go wrong between us and an upstream.

UpstreamFailure
├── ConnectFailed          refused, unreachable, unknown host, proxy said no
│   ├── ConnectTimeout
│   │   └── QueueTimeout   every connection allowed to this origin was busy
│   ├── LocalLack          no descriptor, port or memory here for a connection
│   └── TlsFailed
├── FirstByteTimeout
├── IdleTimeout            silence between two reads
├── TotalTimeout
├── ConnectionLost         closed or reset before the answer was complete
├── ShutDown               this gateway ends
└── ProtocolViolation      what arrived is not the HTTP/1.1 we can relay
"""

from __future__ import annotations

from typing import ClassVar


class UpstreamFailure(Exception):  # noqa: N818 - a failure of theirs, not an error of ours
    """`retry_safe` says that nothing of the answer arrived; `kind` names the failure in rows and metrics; `ours` that
    the gateway or its configuration is at fault, and no upstream.
    """

    kind: ClassVar[str] = "upstream_failure"
    ours: bool

    def __init__(self, message: str, *, retry_safe: bool, ours: bool = False) -> None:
        super().__init__(message)
        self.retry_safe = retry_safe
        self.ours = ours


class ConnectFailed(UpstreamFailure):
    kind = "connect_failed"

    def __init__(self, message: str, *, ours: bool = False) -> None:
        super().__init__(message, retry_safe=True, ours=ours)


class ConnectTimeout(ConnectFailed):
    kind = "connect_timeout"


class QueueTimeout(ConnectTimeout):
    kind = "queue_timeout"

    def __init__(self, message: str) -> None:
        super().__init__(message, ours=True)


class LocalLack(ConnectFailed):
    kind = "local_lack"

    def __init__(self, message: str) -> None:
        super().__init__(message, ours=True)


class TlsFailed(ConnectFailed):
    kind = "tls_failed"


class FirstByteTimeout(UpstreamFailure):
    kind = "first_byte_timeout"

    def __init__(self, message: str, *, ours: bool = False) -> None:
        super().__init__(message, retry_safe=True, ours=ours)


class IdleTimeout(UpstreamFailure):
    kind = "idle_timeout"

    def __init__(self, message: str, *, ours: bool = False) -> None:
        super().__init__(message, retry_safe=False, ours=ours)


class TotalTimeout(UpstreamFailure):
    kind = "total_timeout"


class ConnectionLost(UpstreamFailure):
    kind = "connection_lost"


class ShutDown(UpstreamFailure):
    kind = "shut_down"

    def __init__(self, *, retry_safe: bool) -> None:
        super().__init__("the gateway is shutting down", retry_safe=retry_safe, ours=True)


class ProtocolViolation(UpstreamFailure):
    kind = "protocol_violation"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_safe=False)
