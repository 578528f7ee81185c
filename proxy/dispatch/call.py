"""One client request to its end: decide, call, fall back, relay, and write down what became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

import bandit
from adapters.canonical import Event, Request, Start, Usage
from adapters.errors import ErrorKind, Inexpressible, ProviderError
from adapters.history import Returned, fits, fitted, signed
from adapters.portable import carried, shown
from bandit import Context
from proxy.arms.arm import Arm
from proxy.dispatch.bill import Bill
from proxy.dispatch.relay import BodyTranslator, Ending, Pipe, Relay, StreamTranslator
from proxy.dispatch.rewrite import encode, rewrite
from proxy.dispatch.services import Services
from proxy.governance.principal import Principal
from proxy.ingress.errors import Refusal, invalid
from proxy.ingress.reply import EVENT_STREAM, JSON, Reply, StreamReply, in_header
from proxy.ingress.request import Incoming
from proxy.routing.model_names import LONG_CONTEXT
from proxy.routing.request import ClientRequest
from proxy.routing.router import Plan
from proxy.upstream import complete_head, lacks_descriptors
from state.records import Decision

log = logging.getLogger("meritorder.call")

_LONG_BETA = "context-1m-2025-08-07"
"""What Anthropic calls a window of a million tokens in its header."""

MOST_ATTEMPTS = 4
"""Arms tried for one request. The fifth would come when the client has long given up."""

BAD_REQUEST_KINDS = frozenset(
    {ErrorKind.INVALID_REQUEST, ErrorKind.CONTEXT_LENGTH, ErrorKind.CONTENT_FILTER, ErrorKind.TOO_LARGE}
)


@dataclass(slots=True)
class _Failed:
    arm: str
    error: ProviderError
    seconds: float

    def row(self) -> dict[str, object]:
        return {
            "arm": self.arm,
            "error": self.error.kind.label,
            "status": self.error.status,
            "message": self.error.message[:500],
            "seconds": round(self.seconds, 4),
        }


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A request in an arm's words, and the names of tools that are not the client's there."""

    body: bytes
    names: Mapping[str, str]


class _Named:
    """Gives an answer that came without an id or a time the gateway's own, and its tools and seals their names."""

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


class Call:
    """A request under way."""

    def __init__(
        self,
        services: Services,
        http: Incoming,
        request: ClientRequest,
        plan: Plan,
        principal: Principal,
        context: Context,
        decision: bandit.Decision,
    ) -> None:
        self.services = services
        self.http = http
        self.client = request.dialect
        self.request = request
        self.plan = plan
        self.principal = principal
        self.id = services.new_id()
        self.task = context.task
        self.x = context.x
        self.probabilities = decision.probabilities
        self.chosen = decision.chosen
        self.at = 0.0
        self.started = 0.0
        self.failed: list[_Failed] = []
        self.inexpressible: list[str] = []
        self.dropped: list[str] = []  # of the request, in the words of the arm that is asked
        self.relay: Relay | None = None
        self.reply: StreamReply | None = None
        self.finished: asyncio.Event | None = None
        self._bill: Bill | None = None
        self._cut = False

    # -- the loop over arms ------------------------------------------------------------------------

    async def run(self) -> Reply | StreamReply:
        """Answers the client; meanwhile the call is in `services.calls`. Raises Refusal where no arm could answer."""
        services = self.services
        services.calls[self.id] = self
        try:
            reply = self.reply = StreamReply(self.http) if self.request.stream else None
            while True:
                arm = self.plan.candidates.arms[self.chosen]
                try:
                    relay = (
                        self._dispatch(arm, reply) if arm.signer is None else await self._signed(arm, reply)
                    )
                except Inexpressible as error:
                    self.inexpressible.append(f"{arm.name}: {error.feature}")
                    if self._redraw():
                        continue
                    raise invalid(
                        "No arm can express this request: " + "; ".join(self.inexpressible)
                    ) from None
                try:
                    ending = await relay.ended
                except asyncio.CancelledError:
                    relay.cancel()
                    services.cooldowns.abandoned(arm.index)
                    self._record(arm, relay, "shutdown" if self._cut else "cancelled", None)
                    raise
                finally:
                    # They hold each other: left so, the answer would stay until the cycle collector comes.
                    relay.exchange = None
                    if self._bill is not None:
                        self._bill.relay = None
                if ending.error is None:
                    if services.cooldowns.succeeded(arm.index):
                        log.warning("%s answers again", arm.name)
                    self._record(arm, relay, "ok", None)
                    return self._deliver(arm, reply, ending)
                if self._give_up(arm, relay, ending.error):
                    status = "shutdown" if self._cut else ending.error.kind.label
                    self._record(arm, relay, status, ending.error)
                    return self._fail(reply, ending.error)
        finally:
            del services.calls[self.id]
            if self.finished is not None:
                self.finished.set()

    def _dispatch(self, arm: Arm, reply: StreamReply | None) -> Relay:
        services, request = self.services, self.request
        self._bill = bill = Bill(arm, request)
        cost_of = bill.cost
        pipe: Pipe
        self.dropped = []
        mended = None
        if arm.dialect is self.client:
            if request.files and self._shows_otherwise(arm):
                mended = self._encoded(self.request.canonical(), arm)
            elif not fits(self.client.name, request.document, arm.rules):
                mended = self._mended(arm)
        if arm.dialect is self.client and (mended is None or not mended.names):
            tap = self.client.tap(stream=request.stream, keep_usage=request.wants_usage, cost_of=cost_of)
            pipe = signed(tap, self.client.name, arm.rules)
            body = (
                mended.body
                if mended is not None
                else rewrite(
                    request.raw,
                    request.document,
                    arm=arm,
                    ask_usage=request.stream
                    and not request.wants_usage
                    and arm.row.stream_options
                    and self.client.name in ("openai_chat", "openai_completions"),
                    dropped=self.dropped,
                )
            )
        else:
            canonical = request.canonical()
            mended = mended or self._encoded(canonical, arm)
            body = mended.body
            named = _Named(self.id, services.clock.now(), Returned(arm.rules.maker, mended.names, self.id))
            if request.stream:
                pipe = StreamTranslator(
                    arm.dialect.stream_decoder(), self.client.stream_encoder(canonical, cost_of), named.events
                )
            else:
                pipe = BodyTranslator(
                    arm.dialect,
                    lambda events: self.client.encode_answer(named.events(events), canonical, cost_of),
                )
        early = b"" if reply is None else self._head(arm)
        relay = Relay(
            pipe, reply, early, arm.dialect.decode_error, services.tasks, services.loop, services.mask
        )
        relay.account = self.http.client.account
        choices = request.document.get("n")
        if isinstance(choices, int):
            relay.choices = choices
        self.relay = bill.relay = relay
        self.at, self.started = services.clock.now(), services.loop.time()
        services.cooldowns.dispatched(arm.index, self.started)
        head = arm.head(stream=request.stream) + self._betas(arm)
        if arm.signer is not None:
            head += arm.signature(body, time.time(), stream=request.stream)
        relay.exchange = services.pool.send(
            arm.endpoint,
            complete_head(head, len(body)),
            body,
            relay,
            at_once=len(services.calls) == 1,
        )
        return relay

    def _encoded(self, canonical: Request, arm: Arm) -> _Outgoing:
        """Translates for an arm. Raises Inexpressible."""
        outgoing = replace(
            canonical, model=arm.model, include_usage=arm.row.stream_options, dropped=self.dropped
        )
        fit = fitted(carried(outgoing, arm.target), arm.rules, arm.dialect.name)
        body = encode(arm.dialect.encode_request(fit.request), arm=arm, dropped=self.dropped)
        return _Outgoing(body, fit.names)

    def _shows_otherwise(self, arm: Arm) -> bool:
        """Must the documents of a request in the arm's own dialect be put otherwise? Raises Inexpressible."""
        canonical = self.request.canonical()
        return shown(canonical, arm.row.name, arm.dialect.name) is not canonical

    def _mended(self, arm: Arm) -> _Outgoing | None:
        """Returns the client's own dialect as this arm takes it; None where only the arm itself can judge the body."""
        try:
            return self._encoded(self.request.canonical(), arm)
        except (Inexpressible, Refusal):
            return None

    async def _signed(self, arm: Arm, reply: StreamReply | None) -> Relay:
        """Dispatches when the arm's credentials are there. That they can't be had is the arm's failure."""
        services = self.services
        assert arm.signer is not None
        self.at, self.started = services.clock.now(), services.loop.time()
        try:
            await arm.signer.ready()
        except ProviderError as error:
            if lacks_descriptors():
                error = ProviderError(ErrorKind.GATEWAY, error.message, None, "local_lack", 1.0)
            unsent = BodyTranslator(arm.dialect, lambda _: b"")
            relay = Relay(
                unsent, None, b"", arm.dialect.decode_error, services.tasks, services.loop, services.mask
            )
            relay.ended.set_result(Ending(error))
            self.relay = relay
            return relay
        return self._dispatch(arm, reply)

    def _betas(self, arm: Arm) -> bytes:
        """Anthropic's clients switch on parts of the body by a header."""
        if self.client.name != "anthropic_messages" or arm.dialect is not self.client:
            return b""
        betas = self.http.headers.get("anthropic-beta") or ""
        if self.request.model.endswith(LONG_CONTEXT) and _LONG_BETA not in betas:
            betas = f"{betas},{_LONG_BETA}" if betas else _LONG_BETA
        return b"anthropic-beta: %s\r\n" % betas.encode("latin-1", "replace") if betas else b""

    def _give_up(self, arm: Arm, relay: Relay, error: ProviderError) -> bool:
        """Books the failure; returns whether it is final (else another arm is drawn)."""
        now = self.services.loop.time()
        if error.kind.cools:
            if self.services.cooldowns.failed(arm.index, error.kind.label, now, error.retry_after_s):
                log.warning("%s rests after %s: %s", arm.name, error.kind.label, error.message[:200])
        elif error.kind in BAD_REQUEST_KINDS:
            self.services.cooldowns.succeeded(arm.index)
        else:
            self.services.cooldowns.abandoned(arm.index)
        if relay.forwarded or not error.kind.another_arm or len(self.failed) + 1 >= MOST_ATTEMPTS:
            return True
        probabilities, chosen = self.probabilities, self.chosen
        if not self._redraw():
            self.probabilities, self.chosen = probabilities, chosen
            return True
        self.failed.append(_Failed(arm.name, error, now - self.started))
        return False

    def _redraw(self) -> bool:
        """Draws from what is left of the vector; False when nothing is."""
        rest = self.probabilities.copy()
        rest[self.chosen] = 0.0
        total = float(rest.sum())
        if total <= 0.0:
            return self._redraw_elsewhere()
        self.probabilities = rest / total
        cumulated = np.cumsum(self.probabilities)
        position = int(np.searchsorted(cumulated, self.services.random() * cumulated[-1], side="right"))
        self.chosen = min(position, rest.shape[0] - 1)
        while rest[self.chosen] == 0.0:  # rounding at the very end of the vector
            self.chosen -= 1
        return True

    def _redraw_elsewhere(self) -> bool:
        """A loop of tools stays at its arm while that answers, and else goes on at another."""
        services, request = self.services, self.request
        plan = services.router.elsewhere(self.plan, request, self.principal, services.loop.time())
        if plan is None:
            return False
        context, decision = decide(services, request, plan, services.random())
        self.plan, self.task, self.x = plan, context.task, context.x
        self.probabilities, self.chosen = decision.probabilities, decision.chosen
        return True

    # -- towards the client ------------------------------------------------------------------------

    def _head(self, arm: Arm) -> bytes:
        dropped = (
            b"" if not self.dropped else b"X-Meritorder-Dropped: %s\r\n" % in_header(", ".join(self.dropped))
        )
        return dropped + (
            b"%sX-Generation-Id: %s\r\nX-Meritorder-Arm: %s\r\nX-Meritorder-Propensity: %.6g\r\nX-Meritorder-Route: %s\r\n"
            % (
                EVENT_STREAM if self.request.stream else JSON,
                self.id.encode(),
                in_header(arm.name),
                self.probabilities[self.chosen],
                in_header(self.plan.route),
            )
        )

    def _deliver(self, arm: Arm, reply: StreamReply | None, ending: Ending) -> Reply | StreamReply:
        if reply is None:
            return Reply(200, ending.body, self._head(arm))
        if not reply.started:
            reply.start(self._head(arm))
        reply.end(ending.body)
        return reply

    def _fail(self, reply: StreamReply | None, error: ProviderError) -> Reply | StreamReply:
        if reply is not None and reply.started:
            encoder = self.client.stream_encoder(self._canonical_or_empty(), lambda _: None)
            reply.end(encoder.error(error))
            return reply
        arm = self.plan.candidates.arms[self.chosen]
        head = b"%sX-Generation-Id: %s\r\nX-Meritorder-Arm: %s\r\n" % (
            JSON,
            self.id.encode(),
            in_header(arm.name),
        )
        if error.retry_after_s is not None and error.kind.status in (429, 503):
            head += b"Retry-After: %d\r\n" % max(1, round(error.retry_after_s))
        if error.kind is ErrorKind.GATEWAY and error.code is not None:
            head += b"X-Meritorder-Shed: %s\r\n" % error.code.encode()
        return Reply(error.kind.status, self.client.encode_error(error), head)

    def cut(self, reason: str) -> None:
        """Ends the call: an answer that has begun with an error event, another with a refusal."""
        self._cut = True
        relay = self.relay
        if relay is None or relay.ended.done():
            return
        relay.cancel()
        relay.ended.set_result(Ending(ProviderError(ErrorKind.GATEWAY, reason, None, "shutting_down", 1.0)))

    def _canonical_or_empty(self) -> Request:
        try:
            return self.request.canonical()
        except Refusal:
            return Request(model=self.request.model, messages=())

    # -- the record --------------------------------------------------------------------------------

    def _record(self, arm: Arm, relay: Relay, status: str, error: ProviderError | None) -> None:
        pipe, plan, request = relay.pipe, self.plan, self.request
        usage = pipe.usage
        bill = self._bill or Bill(arm, request)
        if status == "ok" or relay.first_content_at is not None:
            usage = Usage() if usage is None else usage
            bill.settle(usage, relay)
        # Not by the clock of the end, which may have been set since.
        ended = self.services.loop.time()
        finished = self.at + max(0.0, ended - self.started)
        cost = None
        if usage is not None:
            cost = bill.cost(usage)
        ttft = None
        if request.stream and relay.first_content_at is not None:
            ttft = max(0.0, relay.first_content_at - self.started)
        record = Decision(
            id=pipe.id or self.id,
            at=self.at,
            route=plan.route,
            task=self.task,
            arm=arm.name,
            arms=plan.candidates.names,
            probabilities=self.probabilities.astype(np.float32),
            propensity=float(self.probabilities[self.chosen]),
            context=self.x,
            objective=plan.objective.terms(),
            price_version=arm.price.version,
            key=self.principal.key_id,
            team=self.principal.team_id,
            session=request.session,
            user=request.user,
            dialect=self.client.name,
            streamed=request.stream,
            request_id=self.id,
            finished_at=finished,
            status=status,
            http_status=relay.status or (error.kind.status if error is not None else 0),
            error=error.message[:500] if error is not None else None,
            finish=pipe.finish,
            cost_usd=cost,
            ttft_s=ttft,
            attempts=[failed.row() for failed in self.failed],
            dropped=self.dropped,
        )
        if usage is not None:
            record.input_tokens = usage.input
            record.cached_tokens = usage.cached
            record.cache_write_tokens = usage.cache_write
            record.output_tokens = usage.output
            record.reasoning_tokens = usage.reasoning
            record.usage_estimated = usage.estimated
            record.bill = bill.details(usage)
        if request.session is not None and status == "ok":
            tokens = (record.input_tokens or 0) + (record.output_tokens or 0)
            self.services.sessions.ended(self.principal.sessions, request.session, arm.name, ended, tokens)
        self.services.journal.decided(record)


def decide(
    services: Services, request: ClientRequest, plan: Plan, uniform: float
) -> tuple[Context, bandit.Decision]:
    """Returns the context of a request and the draw among its plan's candidates; `uniform` lies in [0, 1)."""
    learnt, facts = services.learner.bandit, request.facts
    context = learnt.context(replace(facts, route=plan.route) if plan.route != request.model else facts)
    return context, learnt.decide(
        context.x,
        plan.candidates.indices,
        plan.quote,
        plan.objective,
        max_tokens=facts.max_tokens,
        now=services.now(),
        uniform=uniform,
        budget=plan.route,
    )


def begin(
    services: Services,
    http: Incoming,
    request: ClientRequest,
    principal: Principal,
    *,
    plan: Plan | None = None,
    kind: type[Call] = Call,
) -> Call:
    """Plans, where no plan is given, and decides. Raises Refusal."""
    plan = plan or services.router.plan(request, principal, services.loop.time())
    context, decision = decide(services, request, plan, services.random())
    return kind(services, http, request, plan, principal, context, decision)


async def answer(
    services: Services,
    http: Incoming,
    request: ClientRequest,
    principal: Principal,
) -> Reply | StreamReply:
    """Serves one request to its end. Raises Refusal."""
    return await begin(services, http, request, principal).run()
