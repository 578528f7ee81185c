"""What the decision record needs of one answer, whether a tap or a translator reads it."""

from __future__ import annotations

from adapters.canonical import Usage
from adapters.dialect import Ordinary
from adapters.errors import ErrorKind, ProviderError

MAX_ANSWER_BYTES = 128 * 1024 * 1024
"""Limit for a whole answer that is held back: the largest generated media fit."""


class AnswerFacts:
    """The facts of `adapters.dialect.Tap`, as they stand before the answer begins."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.model: str | None = None
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.content = False
        self.done = False
        self.said = 0
        self.frame = 0

    @property
    def held(self) -> bool:
        return False

    @property
    def ended(self) -> int:
        return 0 if self.finish is None else 1

    @property
    def ordinary(self) -> Ordinary | None:
        return None


class HeldBody:
    """An answer that is held back until it is whole."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Raises ProviderError for an answer beyond `MAX_ANSWER_BYTES`."""
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            raise ProviderError(ErrorKind.UPSTREAM, "The answer is too large.")
        self._pieces.append(data)

    def whole(self) -> bytes:
        """Returns all of it, and keeps nothing."""
        body = b"".join(self._pieces)
        self._pieces.clear()
        return body
