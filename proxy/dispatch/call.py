"""One client request to its end: decide, call, fall back, relay, and write down what became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial

import numpy as np

import bandit
from adapters.canonical import Usage
from adapters.dialect import Tap
from adapters.errors import ErrorKind, Inexpressible, ProviderError
from bandit import Context
from proxy.arms.arm import Arm
from proxy.dispatch.answer_ids import AnswerId
from proxy.dispatch.bill import Bill
from proxy.dispatch.left_out import excluded_line, obstacles
from proxy.dispatch.relay import Ending, Relay
from proxy.dispatch.services import Services
from proxy.dispatch.trace import trace_head
from proxy.dispatch.tries import Failed, Tries
from proxy.dispatch.wires.chat import ChatWire
from proxy.dispatch.wires.translators import BodyTranslator
from proxy.dispatch.wires.wire import Wire
from proxy.governance.principal import Principal
from proxy.ingress.reply import JSON, Reply, StreamReply, in_header
from proxy.ingress.request import Incoming
from proxy.routing.request import ClientRequest
from proxy.routing.router import Plan
from proxy.upstream import complete_head, lacks_descriptors
from state.records import Decision

log = logging.getLogger("meritorder.call")

BAD_REQUEST_KINDS = frozenset(
    {ErrorKind.INVALID_REQUEST, ErrorKind.CONTEXT_LENGTH, ErrorKind.CONTENT_FILTER, ErrorKind.TOO_LARGE}
)


class Call:
    """A request under way."""

    def __init__(
        self,
        services: Services,
        http: Incoming,
        request: ClientRequest,
        wire: Wire,
        plan: Plan,
        principal: Principal,
        context: Context,
        draw: bandit.Draw,
        *,
        id: str,
    ) -> None:
        self.services = services
        self.http = http
        self.client = request.dialect
        self.request = request
        self.plan = plan
        self.principal = principal
        self.id = id
        self.task = context.task
        self.x = context.x
        self.draw = draw
        self.at = 0.0
        self.started = 0.0
        self.tries = Tries(services.refusals, request, services.pool.timeouts.total, services.loop.time())
        self.inexpressible: dict[str, str] = {}  # arm → what it has no words for
        self.dropped: list[str] = []  # of the request, in the words of the arm that is asked
        self.relay: Relay | None = None
        self.reply: StreamReply | None = None
        self.finished: asyncio.Event | None = None
        self._wire = wire
        self._bill: Bill | None = None
        self._cut = False

    # -- the loop over arms ------------------------------------------------------------------------

    async def run(self) -> Reply | StreamReply:
        """Answers the client; meanwhile the call is in `services.calls`. Raises Refusal where no arm could answer."""
        services = self.services
        services.calls[self.id] = self
        try:
            reply = self.reply = StreamReply(self.http) if self.request.stream else None
            last: tuple[Arm, Relay, ProviderError] | None = None
            while True:
                arm = self.plan.candidates.arms[self.draw.chosen]
                try:
                    relay = (
                        self._dispatch(arm, reply) if arm.signer is None else await self._signed(arm, reply)
                    )
                except Inexpressible as error:
                    self.inexpressible[arm.name] = error.feature
                    if self._redraw():
                        continue
                    if last is not None:  # an arm that could say it failed
                        self.tries.failed.pop()
                        return self._lost(*last, reply)
                    raise obstacles(self.inexpressible, self.request.document) from None
                try:
                    ending = await relay.ended
                    failure = ending.error
                    wait = None if failure is None else self._wait_for(arm, relay, failure)
                    if wait:
                        await asyncio.sleep(wait)
                except asyncio.CancelledError:
                    relay.cancel()
                    services.cooldowns.abandoned(arm.index)
                    self._record(arm, relay, "shutdown" if self._cut else "cancelled", None)
                    raise
                finally:
                    # They hold each other: left so, the answer would stay until the cycle collector comes.
                    relay.exchange = relay.typed = None
                    if self._bill is not None:
                        self._bill.relay = None
                if failure is None:
                    if services.cooldowns.succeeded(arm.index):
                        log.warning("%s answers again", arm.name)
                    self.tries.answered(arm.index, services.loop.time())
                    self._record(arm, relay, "ok", None)
                    return self._deliver(arm, reply, ending)
                if wait is None or self._cut:
                    return self._lost(arm, relay, failure, reply)
                last = arm, relay, failure
        finally:
            del services.calls[self.id]
            if self.finished is not None:
                self.finished.set()

    def _dispatch(self, arm: Arm, reply: StreamReply | None) -> Relay:
        services, request, wire = self.services, self.request, self._wire
        self._bill = bill = Bill(arm, request, wire.measured)
        self.dropped = []
        without = services.refusals.left_out(arm.index, services.loop.time())
        outgoing = wire.outgoing(arm, bill.cost, self.dropped, without)
        head, body = outgoing.head + trace_head(self.http.headers), outgoing.body
        early = b"" if reply is None or wire.typed_by_upstream else self._head(arm)
        relay = self._relay(arm, outgoing.pipe, reply, early)
        relay.account = self.http.client.account
        relay.id = AnswerId(
            services.answer_ids,
            self.principal.sessions,
            self.id,
            everywhere=self.client.traits.id_everywhere,
        )
        choices = request.document.get("n")
        if isinstance(choices, int):
            relay.choices = choices
        if wire.typed_by_upstream:
            relay.typed = partial(self._typed_head, arm)
        relay.otherwise, relay.streamed = outgoing.otherwise, request.stream
        bill.relay = relay
        self.at, self.started = services.clock.now(), services.loop.time()
        services.cooldowns.dispatched(arm.index, self.started)
        self.tries.asked(arm.index, self.started)
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

    def _relay(self, arm: Arm, pipe: Tap, reply: StreamReply | None, head: bytes) -> Relay:
        services = self.services
        relay = Relay(
            pipe, reply, head, arm.dialect.decode_error, services.tasks, services.loop, services.mask
        )
        self.relay = relay
        return relay

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
            self._bill = Bill(arm, self.request)
            relay = self._relay(arm, BodyTranslator(arm.dialect, lambda _: b""), None, b"")
            relay.ended.set_result(Ending(error))
            return relay
        return self._dispatch(arm, reply)

    def _wait_for(self, arm: Arm, relay: Relay, error: ProviderError) -> float | None:
        """Books a failure and draws what is asked next; returns the seconds till then, None where the failure is final."""
        tries, now = self.tries, self.services.loop.time()
        self._book(arm, error, now)
        wait: float | None = 0.0
        if relay.forwarded or not tries.elsewhere(arm.index, error, now):
            return None
        if not tries.without(arm.index, error, now) and not self._redraw():
            wait = tries.backoff_s(error, relay.status, now)
        if wait is not None:
            tries.failed.append(Failed(arm.name, error, now - self.started))
        return wait

    def _book(self, arm: Arm, error: ProviderError, now: float) -> None:
        cooldowns = self.services.cooldowns
        if error.kind.cools:
            if cooldowns.failed(arm.index, error.kind.label, now, error.retry_after_s):
                log.warning("%s rests after %s: %s", arm.name, error.kind.label, error.message[:200])
        elif error.kind in BAD_REQUEST_KINDS:
            cooldowns.succeeded(arm.index)
        else:
            cooldowns.abandoned(arm.index)

    def _lost(
        self, arm: Arm, relay: Relay, error: ProviderError, reply: StreamReply | None
    ) -> Reply | StreamReply:
        self._record(arm, relay, "shutdown" if self._cut else error.kind.label, error)
        return self._fail(reply, error)

    def _redraw(self) -> bool:
        """Draws from the other candidates; returns False when there is none left."""
        draw = self.draw.without(self.draw.chosen, self.services.random())
        if draw is None:
            return self._redraw_elsewhere()
        self.draw = draw
        return True

    def _redraw_elsewhere(self) -> bool:
        """A loop of tools stays at its arm while that answers, and else goes on at another."""
        services, request = self.services, self.request
        plan = services.router.elsewhere(self.plan, request, self.principal, services.loop.time())
        if plan is None:
            return False
        context, self.draw = decide(services, request, plan, services.random())
        self.plan, self.task, self.x = plan, context.task, context.x
        return True

    # -- towards the client ------------------------------------------------------------------------

    def _head(self, arm: Arm) -> bytes:
        dropped = (
            b"" if not self.dropped else b"X-Meritorder-Dropped: %s\r\n" % in_header(", ".join(self.dropped))
        )
        return (
            dropped
            + excluded_line(self._excluded())
            + b"%sX-Generation-Id: %s\r\nX-Meritorder-Arm: %s\r\nX-Meritorder-Propensity: %.9g\r\nX-Meritorder-Route: %s\r\n"
            % (
                self._wire.content_type,
                self.id.encode(),
                in_header(arm.name),
                self.draw.propensity,
                in_header(self.plan.route),
            )
        )

    def _excluded(self) -> dict[str, str]:
        """Returns the arms that were left out for what this request is, with what for."""
        if not self.plan.excluded and not self.inexpressible:
            return {}
        excluded = {arm: why for arm, why in self.plan.excluded.items() if why != "no_chat"}
        excluded.update((arm, f"lacks:{what}") for arm, what in self.inexpressible.items())
        return excluded

    def _typed_head(self, arm: Arm, content_type: bytes) -> bytes:
        self._wire.expect(content_type)
        return self._head(arm)

    def _deliver(self, arm: Arm, reply: StreamReply | None, ending: Ending) -> Reply | StreamReply:
        if reply is None:
            return Reply(200, ending.body, self._head(arm))
        if not reply.started:
            reply.start(self._head(arm))
        reply.end(ending.body)
        return reply

    def _fail(self, reply: StreamReply | None, error: ProviderError) -> Reply | StreamReply:
        if reply is not None and reply.started:
            last = self._wire.broken(error)
            if last is not None:
                reply.end(last)
            elif self.http.client.transport is not None:
                self.http.client.transport.abort()
            return reply
        arm = self.plan.candidates.arms[self.draw.chosen]
        head = b"%sX-Generation-Id: %s\r\nX-Meritorder-Arm: %s\r\n" % (
            JSON,
            self.id.encode(),
            in_header(arm.name),
        )
        head += excluded_line(self._excluded())
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

    # -- the record --------------------------------------------------------------------------------

    def _record(self, arm: Arm, relay: Relay, status: str, error: ProviderError | None) -> None:
        pipe, plan, request = relay.pipe, self.plan, self.request
        bill = self._bill
        assert bill is not None
        usage = bill.counted(pipe.usage, whole=status == "ok")
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
            id=relay.shown_id or self.id,
            at=self.at,
            route=plan.route,
            task=self.task,
            arm=arm.name,
            arms=plan.candidates.names,
            probabilities=self.draw.probabilities.astype(np.float32),
            propensity=self.draw.propensity,
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
            attempts=[failed.row() for failed in self.tries.failed],
            dropped=self.dropped,
            excluded=self._excluded(),
        )
        if usage is not None:
            record.input_tokens = usage.input
            record.cached_tokens = usage.cached
            record.cache_write_tokens = usage.cache_write
            record.output_tokens = usage.output
            record.reasoning_tokens = usage.reasoning
            record.usage_estimated = usage.estimated
            record.bill = bill.details(usage)
        record.upstream_request = relay.request_id()
        if request.session is not None and status == "ok":
            tokens = (record.input_tokens or 0) + (record.output_tokens or 0)
            self.services.sessions.ended(self.principal.sessions, request.session, arm.name, ended, tokens)
        self.services.journal.decided(record)


def decide(
    services: Services, request: ClientRequest, plan: Plan, uniform: float
) -> tuple[Context, bandit.Draw]:
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
    wire: Wire | None = None,
    *,
    plan: Plan | None = None,
) -> Call:
    """Plans and makes a wire for a chat, as far as they aren't given, and decides. Raises Refusal."""
    plan = plan or services.router.plan(request, principal, services.loop.time())
    context, decision = decide(services, request, plan, services.random())
    call_id = services.new_id()
    if wire is None:
        header = request.dialect.traits.feature_header
        features = None if header is None else http.headers.get(header)
        wire = ChatWire(request, id=call_id, at=services.clock.now(), features=features)
    return Call(services, http, request, wire, plan, principal, context, decision, id=call_id)


async def answer(
    services: Services,
    http: Incoming,
    request: ClientRequest,
    principal: Principal,
) -> Reply | StreamReply:
    """Serves one chat to its end. Raises Refusal."""
    return await begin(services, http, request, principal).run()
