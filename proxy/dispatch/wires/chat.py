"""A chat: its bytes pass where the arm speaks the client's dialect, else request and answer are translated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from adapters.canonical import Event, Request, Start, Usage
from adapters.dialect import CostOf, Tap
from adapters.errors import Inexpressible, ProviderError
from adapters.history import Returned, fits, fitted, signed
from adapters.portable import carried, shown
from proxy.arms.arm import Arm
from proxy.dispatch.wires.rewrite import encode, rewrite
from proxy.dispatch.wires.translators import BodyTranslator, StreamReader, StreamTranslator
from proxy.dispatch.wires.wire import Outgoing
from proxy.ingress.errors import Refusal
from proxy.ingress.reply import EVENT_STREAM, JSON
from proxy.routing.model_names import LONG_CONTEXT
from proxy.routing.request import ClientRequest


@dataclass(frozen=True, slots=True)
class _Body:
    """A request in an arm's words, and the names of tools that are not the client's there."""

    body: bytes
    names: Mapping[str, str]


class _Named:
    """Adds the call's id and time to an answer that came without, and the client's own names of tools and seals."""

    __slots__ = ("_at", "_id", "_returned", "_started")

    def __init__(self, id: str, at: float, returned: Returned) -> None:
        self._id = id
        self._at = int(at)
        self._returned = returned
        self._started = False

    def events(self, events: Sequence[Event]) -> Sequence[Event]:
        """Returns `events` named; the same object where nothing is."""
        if not self._started:
            self._started = True
            events = [
                replace(event, id=event.id or self._id, created=event.created or self._at)
                if isinstance(event, Start) and not (event.id and event.created)
                else event
                for event in events
            ]
        return self._returned.events(events)


class ChatWire:
    """See `Wire`. `features` is what the client's header of its dialect's features holds, `at` the time of the call."""

    measured: Usage | None = None
    typed_by_upstream = False

    def __init__(
        self,
        request: ClientRequest,
        *,
        id: str,
        at: float,
        features: str | None,
    ) -> None:
        self._client = request.dialect
        self._request = request
        self._id = id
        self._at = at
        self._features = features
        self._without: frozenset[str] = frozenset()

    @property
    def content_type(self) -> bytes:
        return EVENT_STREAM if self._request.stream else JSON

    def expect(self, content_type: bytes) -> None:
        """Nothing to note: the client's dialect says what its answers are."""

    def outgoing(self, arm: Arm, cost_of: CostOf, dropped: list[str], without: frozenset[str]) -> Outgoing:
        request, client = self._request, self._client
        self._without = without
        head = arm.head(stream=request.stream)
        translated = None
        if arm.dialect is client:
            head += self._feature_header()
            if request.files and self._shows_otherwise(arm):
                translated = self._translated(self._request.canonical(), arm, dropped)
            elif not fits(client.name, request.document, arm.rules):
                translated = self._mended(arm, dropped)
            if translated is None or not translated.names:
                tap = client.tap(stream=request.stream, keep_usage=request.wants_usage, cost_of=cost_of)
                body = self._passed(arm, dropped) if translated is None else translated.body
                names = {} if translated is None else translated.names
                otherwise = partial(self._otherwise, arm, names, cost_of)
                return Outgoing(head, body, signed(tap, client.name, arm.rules), otherwise)
        canonical = self._request.canonical()
        translated = translated or self._translated(canonical, arm, dropped)
        named = _Named(self._id, self._at, Returned(arm.rules.maker, translated.names, self._id))
        pipe: Tap
        otherwise = partial(self._otherwise, arm, translated.names, cost_of)
        if request.stream:
            pipe = StreamTranslator(
                arm.dialect.stream_decoder(), client.stream_encoder(canonical, cost_of), named.events
            )
        else:
            pipe = BodyTranslator(
                arm.dialect,
                lambda events: client.encode_answer(named.events(events), canonical, cost_of),
            )
        return Outgoing(head, translated.body, pipe, otherwise)

    def _otherwise(self, arm: Arm, names: Mapping[str, str], cost_of: CostOf) -> Tap:
        """Returns the way of a whole answer to who asked for a stream, or of a stream to who asked for a whole answer."""
        client, canonical = self._client, self._request.canonical()
        named = _Named(self._id, self._at, Returned(arm.rules.maker, names, self._id))
        if not self._request.stream:
            return StreamReader(
                arm.dialect.stream_decoder(),
                lambda events: client.encode_answer(named.events(events), canonical, cost_of),
            )
        encoder = client.stream_encoder(canonical, cost_of)
        return BodyTranslator(
            arm.dialect, lambda events: encoder.feed(named.events(events)) + encoder.close()
        )

    def broken(self, error: ProviderError) -> bytes | None:
        try:
            canonical = self._request.canonical()
        except Refusal:
            canonical = Request(model=self._request.model, messages=())
        return self._client.stream_encoder(canonical, lambda _: None).error(error)

    def _passed(self, arm: Arm, dropped: list[str]) -> bytes:
        request = self._request
        return rewrite(
            request.raw,
            request.document,
            arm=arm,
            ask_usage=request.stream
            and not request.wants_usage
            and arm.row.stream_options
            and self._client.traits.counts_on_request,
            dropped=dropped,
            without=self._without,
        )

    def _translated(self, canonical: Request, arm: Arm, dropped: list[str]) -> _Body:
        """Returns the request in an arm's words. Raises Inexpressible."""
        outgoing = replace(canonical, model=arm.model, include_usage=arm.row.stream_options, dropped=dropped)
        fit = fitted(carried(outgoing, arm.target), arm.rules, arm.dialect.name)
        body = encode(
            arm.dialect.encode_request(fit.request), arm=arm, dropped=dropped, without=self._without
        )
        return _Body(body, fit.names)

    def _shows_otherwise(self, arm: Arm) -> bool:
        """Must the documents of a request in the arm's own dialect be put otherwise? Raises Inexpressible."""
        canonical = self._request.canonical()
        return shown(canonical, arm.row.name, arm.dialect.name) is not canonical

    def _mended(self, arm: Arm, dropped: list[str]) -> _Body | None:
        """Returns the client's own dialect as this arm takes it; None where only the arm itself can judge the body."""
        try:
            return self._translated(self._request.canonical(), arm, dropped)
        except (Inexpressible, Refusal):
            return None

    def _feature_header(self) -> bytes:
        """Returns the header by which clients of some dialects switch on parts of the body, for an arm of the same."""
        traits = self._client.traits
        if traits.feature_header is None:
            return b""
        features = self._features or ""
        wide = traits.long_context_feature
        if self._request.model.endswith(LONG_CONTEXT) and wide not in features:
            features = f"{features},{wide}" if features else wide
        if not features:
            return b""
        return b"%s: %s\r\n" % (traits.feature_header.encode(), features.encode("latin-1", "replace"))
