"""How a call is written for an arm, and its answer for the client. `chat` and `sound` are the two ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from adapters.canonical import Usage
from adapters.dialect import CostOf, Tap
from adapters.errors import ProviderError
from proxy.arms.arm import Arm


class Outgoing:
    """The request of one attempt, and the tap of its answer."""

    __slots__ = ("body", "head", "otherwise", "pipe")

    def __init__(
        self, head: bytes, body: bytes, pipe: Tap, otherwise: Callable[[], Tap] | None = None
    ) -> None:
        self.head = head
        self.body = body
        self.pipe = pipe
        self.otherwise = otherwise
        """Makes what a whole answer passes through that comes in place of a stream, or the reverse."""


class Wire(Protocol):
    """Belongs to one call. Of several attempts it knows the present one."""

    measured: Usage | None
    """What an answer without counts is billed by; None: the counts are estimated from its content."""

    typed_by_upstream: bool
    """Whether the answer has the content type that the upstream names (`expect`); if so, no comment may be put into it."""

    @property
    def content_type(self) -> bytes:
        """The header lines of the reply that say what its body is."""

    def outgoing(self, arm: Arm, cost_of: CostOf, dropped: list[str], without: frozenset[str]) -> Outgoing:
        """Writes the request for `arm`; `dropped` hears what it doesn't take, `without` are fields that it refused itself.
        Raises Inexpressible, Refusal.
        """

    def expect(self, content_type: bytes) -> None:
        """Notes what the upstream says that its answer is."""

    def broken(self, error: ProviderError) -> bytes | None:
        """Returns the last bytes of a stream that fails after it began; None where there are no words for it."""
