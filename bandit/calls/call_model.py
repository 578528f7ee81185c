"""What a call of each arm is expected to be like, apart from its quality."""

from __future__ import annotations

from collections.abc import Mapping

from bandit.arrays import FloatArray
from bandit.calls.call_posteriors import ErrorRates, LogMeans, Providers


class CallModel:
    """The posteriors of output tokens, TTFT, seconds per output token and errors, which every call feeds."""

    def __init__(
        self, *, kinds: int, token_half_life_s: float, latency_half_life_s: float, error_half_life_s: float
    ) -> None:
        self.providers = Providers()
        self.tokens = LogMeans(cells=kinds, typical=250.0, half_life_s=token_half_life_s)
        self.ttft = LogMeans(cells=1, typical=0.6, half_life_s=latency_half_life_s)
        self.token_s = LogMeans(cells=1, typical=0.015, half_life_s=latency_half_life_s)
        self.errors = ErrorRates(half_life_s=error_half_life_s)

    def add_arm(self, provider: str = "") -> None:
        """Adds an arm without calls: other arms of `provider`, then all arms, stand for it."""
        self.providers.add_arm(provider)
        for part in (self.tokens, self.ttft, self.token_s, self.errors):
            part.add_arm()

    def observe(
        self,
        arm: int,
        kind: int,
        *,
        output_tokens: int | None,
        ttft_s: float | None,
        token_s: float | None,
        now: float,
    ) -> None:
        """Records one answer; None for what wasn't measured (no usage, no content)."""
        if output_tokens:
            self.tokens.observe(arm, kind, output_tokens, now)
        if ttft_s is not None:
            self.ttft.observe(arm, 0, ttft_s, now)
        if token_s is not None:
            self.token_s.observe(arm, 0, token_s, now)

    def expected(self, kind: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Returns expected output tokens, TTFT (seconds) and seconds per token of all arms for one kind of work: (n,) each."""
        return (
            self.tokens.predict(kind, self.providers),
            self.ttft.predict(0, self.providers),
            self.token_s.predict(0, self.providers),
        )

    def snapshot(self) -> dict[str, FloatArray]:
        """Returns copies of the state."""
        return {
            **self.tokens.snapshot("tokens"),
            **self.ttft.snapshot("ttft"),
            **self.token_s.snapshot("token_s"),
            **self.errors.snapshot("errors"),
        }

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Restores a snapshot. Raises KeyError or ValueError if it doesn't fit."""
        self.tokens.restore("tokens", arrays)
        self.ttft.restore("ttft", arrays)
        self.token_s.restore("token_s", arrays)
        self.errors.restore("errors", arrays)
