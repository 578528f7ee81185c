"""What can go wrong between us and an upstream.

UpstreamFailure
├── ConnectFailed          refused, unreachable, unknown host, proxy said no
│   ├── ConnectTimeout
│   │   └── QueueTimeout   every connection allowed to this origin was busy
│   └── TlsFailed
├── FirstByteTimeout
├── IdleTimeout            silence between two reads
├── TotalTimeout
├── ConnectionLost         closed or reset before the answer was complete
└── ProtocolViolation      what arrived is not the HTTP/1.1 we can relay
"""

from __future__ import annotations

from typing import ClassVar


class UpstreamFailure(Exception):  # noqa: N818 - a failure of theirs, not an error of ours
    """`retry_safe` says that nothing of the answer arrived; `kind` names the failure in rows and metrics."""

    kind: ClassVar[str] = "upstream_failure"

    def __init__(self, message: str, *, retry_safe: bool) -> None:
        super().__init__(message)
        self.retry_safe = retry_safe


class ConnectFailed(UpstreamFailure):
    kind = "connect_failed"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_safe=True)


class ConnectTimeout(ConnectFailed):
    kind = "connect_timeout"


class QueueTimeout(ConnectTimeout):
    kind = "queue_timeout"


class TlsFailed(ConnectFailed):
    kind = "tls_failed"


class FirstByteTimeout(UpstreamFailure):
    kind = "first_byte_timeout"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_safe=True)


class IdleTimeout(UpstreamFailure):
    kind = "idle_timeout"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_safe=False)


class TotalTimeout(UpstreamFailure):
    kind = "total_timeout"


class ConnectionLost(UpstreamFailure):
    kind = "connection_lost"


class ProtocolViolation(UpstreamFailure):
    kind = "protocol_violation"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_safe=False)
