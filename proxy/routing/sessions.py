"""Which arm served a conversation last, and how much of it that provider has probably cached."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

CACHE_S = 300.0
"""How long a provider's prompt cache is assumed to live: Anthropic's and OpenAI's documented five minutes."""

LEAST_CACHED = 1024
"""Shorter prompts are not cached by the large providers."""

_MOST = 100_000


@dataclass(slots=True)
class Turn:
    """The last turn of a session: arm, end (epoch seconds), tokens of its prompt and answer."""

    arm: str
    at: float
    tokens: int


class Sessions:
    """The last turns of sessions, a bounded number of them: the one longest unused goes first. Each owner has names of its own."""

    def __init__(self) -> None:
        self._turns: OrderedDict[tuple[str, str], Turn] = OrderedDict()

    def ended(self, owner: str, session: str, arm: str, at: float, tokens: int) -> None:
        """Records a turn that was answered; `tokens` are those of its prompt and answer."""
        name = (owner, session)
        self._turns[name] = Turn(arm, at, tokens)
        self._turns.move_to_end(name)
        if len(self._turns) > _MOST:
            self._turns.popitem(last=False)

    def last(self, owner: str, session: str) -> Turn | None:
        """Returns the session's last turn."""
        return self._turns.get((owner, session))

    def warm(self, owner: str, session: str, now: float) -> Turn | None:
        """Returns the last turn if its prompt is probably still cached at `now`."""
        turn = self._turns.get((owner, session))
        if turn is None or now - turn.at > CACHE_S or turn.tokens < LEAST_CACHED:
            return None
        return turn
