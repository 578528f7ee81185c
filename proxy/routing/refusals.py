"""What arms refused lately, by arm and feature, so that the next request of that kind goes elsewhere.

Pure: the clock is an argument. Each worker remembers for itself, and a restart forgets; what is remembered wrongly is
asked again after a minute.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.errors import ErrorKind, ProviderError
from adapters.refused import HARMLESS, features_of, harmless_field, is_plain, named
from proxy.config import OWN_FIELDS
from proxy.routing.request import ClientRequest

REMEMBERED_S = 60.0
"""An arm is asked again for what it refused once in so many seconds: vendors learn too, and words may be misread."""

_LEFT_OUT_S = 3600.0
"""How long a field that changes nothing is left out: asking again costs a call, and brings nothing."""

_MOST = 64
"""Refusals that are remembered of one arm; the oldest make room."""

_ONE_TURN = 2
"""Messages of a conversation's first turn, the system's included."""

_NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Refused:
    """A refusal: of requests with all of `features`, or of prompts of `tokens` and more. `until` in loop seconds."""

    features: frozenset[str]
    tokens: int | None
    until: float
    message: str
    times: int = 1

    def fits(self, features: frozenset[str], tokens: int) -> bool:
        """Returns whether a request is of the kind that was refused."""
        return tokens >= self.tokens if self.tokens is not None else self.features <= features

    @property
    def label(self) -> str:
        """The features or the length that it was about, in a word or two."""
        if self.tokens is not None:
            return f"prompts of {self.tokens} tokens"
        return "+".join(sorted(self.features)) or "requests"


class Refusals:
    """The refusals of all arms. `any` is False as long as there is nothing to check on the hot path."""

    def __init__(self) -> None:
        self._by_arm: dict[int, list[Refused]] = {}
        self._left_out: dict[int, dict[str, float]] = {}
        self._suspects: dict[int, int] = {}
        self.any = False

    def refused(
        self, arm: int, error: ProviderError, features: frozenset[str], tokens: int, now: float
    ) -> bool:
        """Records a refusal as far as its words alone tell that the arm is at fault; returns whether they do."""
        if error.kind in (ErrorKind.CONTEXT_LENGTH, ErrorKind.TOO_LARGE):
            self._remember(arm, _NOTHING, max(1, tokens), error, now)
            return True
        about = named(error) & features
        if not about or not is_plain(error):
            return False
        self._remember(arm, about, None, error, now)
        return True

    def proved(self, arm: int, error: ProviderError, features: frozenset[str], now: float) -> None:
        """Records a refusal that was unclear until another arm took the same request.

        One that neither names a feature nor met one has to come twice: a single text must not take an arm from everybody.
        """
        about = named(error) & features or features
        if not about:
            self._suspects[arm] = self._suspects.get(arm, 0) + 1
            if self._suspects[arm] < 2:
                return
        self._remember(arm, about, None, error, now)

    def leave_out(self, arm: int, error: ProviderError, features: frozenset[str], now: float) -> str | None:
        """Records that an arm refused a field that it can be asked without; None where it did not, or was."""
        field = harmless_field(error)
        if field is None or field not in features:
            return None
        fields = self._left_out.setdefault(arm, {})
        if now < fields.get(field, 0.0):
            return None
        fields[field] = now + _LEFT_OUT_S
        return field

    def left_out(self, arm: int, now: float) -> frozenset[str]:
        """Returns the fields of a body to leave out."""
        fields = self._left_out.get(arm)
        if not fields:
            return _NOTHING
        return frozenset(name for name in HARMLESS if now < fields.get(name, 0.0))

    def reason(self, arm: int, features: frozenset[str], tokens: int, now: float) -> str | None:
        """Returns what `arm` refused of such a request; None where it may be asked, or asked again."""
        for refused in self._by_arm.get(arm, ()):
            if now < refused.until and refused.fits(features, tokens):
                return refused.label
        return None

    def dispatched(self, arm: int, features: frozenset[str], tokens: int, now: float) -> None:
        """Records that a request goes to `arm`: where it refused such ones, it is the one of this minute."""
        for refused in self._by_arm.get(arm, ()):
            if refused.fits(features, tokens):
                refused.until = max(refused.until, now + REMEMBERED_S)

    def answered(self, arm: int, features: frozenset[str], tokens: int) -> None:
        """Records an answer: what the arm did is nothing that it refuses."""
        self._suspects.pop(arm, None)
        refusals = self._by_arm.get(arm)
        if refusals is not None:
            kept = [refused for refused in refusals if not refused.fits(features, tokens)]
            if kept:
                self._by_arm[arm] = kept
            else:
                del self._by_arm[arm]
                self.any = bool(self._by_arm)

    def state(self, arm: int, now: float) -> list[dict[str, object]]:
        """Returns what an arm is spared now, as the statistics show it."""
        rows: list[dict[str, object]] = [
            {
                "feature": refused.label,
                "seconds_left": round(refused.until - now, 1),
                "refusals": refused.times,
                "message": refused.message[:200],
            }
            for refused in self._by_arm.get(arm, ())
            if now < refused.until
        ]
        rows += [
            {"feature": name, "seconds_left": round(until - now, 1), "left_out": True}
            for name, until in self._left_out.get(arm, {}).items()
            if now < until
        ]
        return rows

    def _remember(
        self, arm: int, features: frozenset[str], tokens: int | None, error: ProviderError, now: float
    ) -> None:
        refusals = self._by_arm.setdefault(arm, [])
        self.any = True
        for refused in refusals:
            if refused.features == features and (refused.tokens is None) == (tokens is None):
                refused.until, refused.message = now + REMEMBERED_S, error.message
                refused.times += 1
                if tokens is not None and refused.tokens is not None:
                    refused.tokens = min(refused.tokens, tokens)
                return
        refusals.append(Refused(features, tokens, now + REMEMBERED_S, error.message))
        del refusals[:-_MOST]


def features(request: ClientRequest) -> frozenset[str]:
    """Returns the names of what a request asks for and holds."""
    facts = request.facts
    held = []
    if facts.has_images:
        held.append("images")
    if facts.has_audio:
        held.append("audio")
    if request.files:
        held.append("files")
    if facts.system:
        held.append("system")
    if facts.turns > _ONE_TURN:
        held.append("turns")
    if request.in_tool_loop:
        held.append("tool results")
    if request.stream:
        held += ["stream", "stream_options"]  # the gateway asks for usage where the client doesn't
    messages = request.document.get("messages")
    if isinstance(messages, list) and messages:
        last = messages[-1]
        if isinstance(last, dict) and last.get("role") == "assistant":
            held.append("prefill")
        if any(isinstance(message, dict) and message.get("role") == "developer" for message in messages):
            held.append("developer")
    document = request.document
    if not OWN_FIELDS.isdisjoint(document):
        document = {name: value for name, value in document.items() if name not in OWN_FIELDS}
    return features_of(document, held)
