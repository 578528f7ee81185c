"""The mutations: a missing call, a wrong argument between two modules, a wrong sign, a limit that is off by one.

Each is of a kind that reviews miss. `before` is as short as it can be and still stand once in its file, so that other work
on the file seldom touches it; `tests/benchmarks/test_mutations.py` tells whoever moves such a line.
"""

from __future__ import annotations

from benchmarks.mutations.mutation import Mutation

_BOOKINGS = "tests/proxy/dispatch/test_bookings.py"
_CALL = "tests/proxy/dispatch/test_call.py"
_CONTENT = "tests/proxy/dispatch/test_content.py"
_REFUSALS = "tests/faults/test_refusals.py"
_RELAY = "tests/proxy/dispatch/test_relay.py"
_AFTER_THE_END = "tests/faults/test_after_the_end.py"
_OVERLOAD = "tests/faults/test_overload.py"
_CONVERSATIONS = "tests/proxy/routing/test_conversations.py"
_COOLDOWNS = "tests/proxy/routing/test_cooldowns.py"
_SESSIONS = "tests/proxy/routing/test_sessions.py"
_ROUTER = "tests/proxy/routing/test_router.py"
_ELIGIBILITY = "tests/proxy/routing/test_eligibility.py"
_PLANS = "tests/proxy/routing/test_plans.py"
_CORRECTIONS = "tests/proxy/learning/test_corrections.py"
_JOURNAL = "tests/proxy/learning/test_journal.py"
_FOLD = "tests/proxy/learning/test_fold.py"
_LAG = "tests/proxy/learning/test_learning_lag.py"
_STATISTICS = "tests/proxy/learning/test_statistics.py"
_TIMELINE = "tests/proxy/learning/test_timeline.py"
_DURABILITY = "tests/proxy/learning/test_durability.py"
_FEEDBACK = "tests/proxy/endpoints/test_feedback.py"
_LABELS = "tests/proxy/endpoints/test_labels.py"
_PRINCIPALS = "tests/faults/test_principals.py"
_ADMISSION = "tests/proxy/ingress/test_admission.py"
_SHEDDING = "tests/proxy/ingress/test_shedding.py"
_BUFFERS = "tests/proxy/ingress/test_buffers.py"
_INGRESS = "tests/faults/test_ingress.py"
_PRICES = "tests/faults/test_prices.py"
_PRICING = "tests/adapters/billing/test_pricing.py"
_COUNTS = "tests/adapters/billing/test_counts.py"
_OVERRIDE = "tests/adapters/billing/test_price_override.py"
_REGRESSION = "tests/bandit/quality/test_regression.py"
_EVIDENCE = "tests/bandit/quality/test_evidence.py"
_BIAS = "tests/bandit/quality/test_feedback_bias.py"
_ENGINE = "tests/bandit/test_engine.py"
_TWO_GATEWAYS = "tests/faults/test_two_gateways.py"

_DRAW = "bandit/decision/draw.py"
_DISPATCH_CALL = "proxy/dispatch/call.py"
_LEARNER = "proxy/learning/learner.py"
_JOURNAL_PY = "proxy/learning/journal.py"
_ROUTER_PY = "proxy/routing/router.py"
_COOLDOWNS_PY = "proxy/routing/cooldowns.py"
_SESSIONS_PY = "proxy/routing/sessions.py"
_ELIGIBILITY_PY = "proxy/routing/eligibility.py"
_RELAY_PY = "proxy/dispatch/relay.py"
_TRANSLATORS = "proxy/dispatch/wires/translators.py"
_BILL = "proxy/dispatch/bill.py"
_ATTRIBUTION = "proxy/endpoints/feedback/attribution.py"
_UNDER_WAY = "proxy/endpoints/feedback/answers_under_way.py"
_EVIDENCE_PY = "bandit/quality/evidence.py"
_REGRESSION_PY = "bandit/quality/regression.py"
_DRIFT = "bandit/quality/drift.py"
_BIAS_PY = "bandit/quality/feedback_bias.py"
_ENGINE_PY = "bandit/engine.py"
_PRICING_PY = "adapters/billing/pricing.py"
_COUNTS_PY = "adapters/billing/counts.py"
_OVERRIDE_PY = "adapters/billing/price_override.py"
_ADMISSION_PY = "proxy/ingress/admission.py"
_SHEDDING_PY = "proxy/ingress/shedding.py"
_BUFFERS_PY = "proxy/ingress/buffers.py"
_SERVER = "proxy/ingress/server.py"
_PRINCIPAL = "proxy/governance/principal.py"
_STATISTICS_PY = "proxy/learning/statistics.py"
_TIMELINE_PY = "proxy/learning/timeline.py"
_PEERS = "proxy/learning/peers.py"

_DISPATCH = (
    Mutation(
        "the propensity of the likeliest arm, not of the drawn one",
        _DISPATCH_CALL,
        "propensity=self.draw.propensity,",
        "propensity=float(self.draw.probabilities.max()),",
        (_BOOKINGS,),
    ),
    Mutation(
        "a probe that a client leaves keeps its arm from the next one",
        _DISPATCH_CALL,
        "cooldowns.abandoned(arm.index)\n                    self._record",
        "all_well\n                    self._record",
        (_BOOKINGS,),
    ),
    Mutation(
        "a probe that the gateway ends is a verdict on the arm",
        _DISPATCH_CALL,
        "        else:\n            cooldowns.abandoned(arm.index)",
        "        else:\n            cooldowns.succeeded(arm.index)",
        (_BOOKINGS,),
    ),
    Mutation(
        "a refused request says nothing of the arm that is probed",
        _DISPATCH_CALL,
        "        elif error.kind in BAD_REQUEST_KINDS:\n            cooldowns.succeeded(arm.index)",
        "        elif error.kind in BAD_REQUEST_KINDS:\n            cooldowns.abandoned(-1)",
        (_BOOKINGS,),
    ),
    Mutation(
        "an answer ends no cooldown",
        _DISPATCH_CALL,
        "if services.cooldowns.succeeded(arm.index):",
        "if not services.cooldowns.all_well:",
        (_BOOKINGS, _CALL),
    ),
    Mutation(
        "the provider's Retry-After doesn't reach the cooldown",
        _DISPATCH_CALL,
        "error.kind.label, now, error.retry_after_s)",
        "error.kind.label, now, None)",
        (_CALL, _BOOKINGS),
    ),
    Mutation(
        "no request is a probe",
        _DISPATCH_CALL,
        "services.cooldowns.dispatched(arm.index, self.started)",
        "services.cooldowns.all_well",
        (_BOOKINGS,),
    ),
    Mutation(
        "the vector after a failed attempt isn't renormalised",
        _DRAW,
        "(rest / total).astype(np.float32)",
        "rest.astype(np.float32)",
        (_BOOKINGS,),
    ),
    Mutation(
        "the failed arm may be drawn again",
        _DRAW,
        "rest[position] = 0.0\n",
        "rest[position] /= 2.0\n",
        (_BOOKINGS,),
    ),
    Mutation(
        "a failed attempt isn't noted",
        _DISPATCH_CALL,
        "tries.failed.append(Failed(arm.name, error, now - self.started))",
        "del now",
        (_BOOKINGS, _CALL),
    ),
    Mutation(
        "an answer that has begun is begun anew by another arm",
        _DISPATCH_CALL,
        "if relay.forwarded or not tries.elsewhere(",
        "if not tries.elsewhere(",
        (_CONTENT, _CALL),
    ),
    Mutation(
        "the arm that is drawn next isn't the one that failed, but any",
        _DISPATCH_CALL,
        "self.draw.without(self.draw.chosen,",
        "self.draw.without(0,",
        (_BOOKINGS, _CALL),
    ),
    Mutation(
        "the context of the record is empty",
        _DISPATCH_CALL,
        "context=self.x,",
        "context=self.x * 0.0,",
        (_BOOKINGS,),
    ),
    Mutation(
        "the record names the arms behind the name, not the candidates",
        _DISPATCH_CALL,
        "arms=plan.candidates.names,",
        "arms=tuple(sorted(plan.excluded)) + plan.candidates.names,",
        (_PLANS,),
    ),
    Mutation(
        "a failed answer binds its conversation to the arm",
        _DISPATCH_CALL,
        'if request.session is not None and status == "ok":',
        "if request.session is not None:",
        (_CONVERSATIONS,),
    ),
    Mutation(
        "a conversation's turn is noted under the key, not under the team",
        _DISPATCH_CALL,
        "self.services.sessions.ended(self.principal.sessions,",
        "self.services.sessions.ended(self.principal.key_id,",
        (_CONVERSATIONS,),
    ),
    Mutation(
        "the answer isn't counted among what is cached",
        _DISPATCH_CALL,
        "(record.input_tokens or 0) + (record.output_tokens or 0)",
        "record.input_tokens or 0",
        (_CONVERSATIONS,),
    ),
    Mutation(
        "the key of the client isn't recorded",
        _DISPATCH_CALL,
        "key=self.principal.key_id,",
        'key="",',
        (_PRINCIPALS,),
    ),
    Mutation(
        "the record lacks the team",
        _DISPATCH_CALL,
        "team=self.principal.team_id,",
        'team="",',
        (_PRINCIPALS,),
    ),
    Mutation(
        "the time to the first token counts from the decision's wall clock",
        _DISPATCH_CALL,
        "relay.first_content_at - self.started)",
        "relay.first_content_at - self.at)",
        (_CONTENT,),
    ),
    Mutation(
        "a decision doesn't know how long the answer may be",
        _DISPATCH_CALL,
        "max_tokens=facts.max_tokens,",
        "max_tokens=None,",
        (_PLANS,),
    ),
    Mutation(
        "spending is held for nobody",
        _DISPATCH_CALL,
        "budget=plan.route,",
        "budget=None,",
        (_PLANS,),
    ),
    Mutation(
        "the route's objective isn't the decision's",
        _DISPATCH_CALL,
        "        plan.quote,\n        plan.objective,\n",
        "        plan.quote,\n        services.router.plan.__defaults__ or type(plan.objective)(),\n",
        (_PLANS, _ROUTER),
    ),
    Mutation(
        "the answer has no header that names its arm",
        _DISPATCH_CALL,
        "                in_header(arm.name),\n                self.draw.propensity,",
        "                in_header(self.plan.route),\n                self.draw.propensity,",
        (_BOOKINGS,),
    ),
    Mutation(
        "a call that was cut is booked as the arm's failure",
        _DISPATCH_CALL,
        '"shutdown" if self._cut else error.kind.label',
        "error.kind.label",
        (_BOOKINGS, _OVERLOAD),
    ),
    Mutation(
        "an answer proves nothing of who refused the request before",
        _DISPATCH_CALL,
        "                    self.tries.answered(arm.index, services.loop.time())\n",
        "",
        (_REFUSALS,),
    ),
    Mutation(
        "what an arm refused isn't left out at the next try",
        _DISPATCH_CALL,
        "wire.outgoing(arm, bill.cost, self.dropped, without)",
        "wire.outgoing(arm, bill.cost, self.dropped, without and type(without)())",
        (_REFUSALS,),
    ),
    Mutation(
        "a third arm finds the same body malformed",
        "proxy/dispatch/tries.py",
        "len(self._unclear) < _OPINIONS",
        "len(self._unclear) <= _OPINIONS",
        (_REFUSALS, _CALL),
    ),
    Mutation(
        "the last of several arms that fail is asked twice",
        "proxy/dispatch/tries.py",
        "if self._retried or self.failed or not",
        "if self._retried or not",
        (_BOOKINGS,),
    ),
    Mutation(
        "whoever waits for the end of a call isn't told",
        _DISPATCH_CALL,
        "                self.finished.set()",
        "                self.finished = None",
        (_FEEDBACK,),
    ),
)

_ENDS = (
    Mutation(
        "a translated tool call is no content",
        _TRANSLATORS,
        "            elif isinstance(event, ToolCallStart):\n                self.content = True\n",
        "            elif isinstance(event, ToolCallStart):\n",
        (_CONTENT,),
    ),
    Mutation(
        "arguments of a tool aren't counted",
        _TRANSLATORS,
        "self.said += size_of(event.arguments)",
        "self.said += 0",
        (_CONTENT,),
    ),
    Mutation(
        "a translated text's length is lost",
        _TRANSLATORS,
        "self.said += size_of(event.text)",
        "self.said = size_of(event.text)",
        (_CONTENT,),
    ),
    Mutation(
        "a translated answer's report of tokens is lost",
        _TRANSLATORS,
        "self.usage = event.usage",
        "del event",
        (_CONTENT, "tests/clients/test_matrix.py"),
    ),
    Mutation(
        "the end mark of a translated stream isn't heard",
        _TRANSLATORS,
        "self.done = self._decoder.done\n        return self._encode(events)",
        "return self._encode(events)",
        (_CONTENT,),
    ),
    Mutation(
        "the first content has no time",
        _RELAY_PY,
        "self.first_content_at = self._loop.time()",
        "self.first_content_at = None",
        (_CONTENT, _BOOKINGS),
    ),
    Mutation(
        "a role alone begins the answer",
        _RELAY_PY,
        "if pipe.content or pipe.finish is not None:",
        "if out:",
        (_CALL, _CONTENT),
    ),
    Mutation(
        "a slow client doesn't hold the upstream back",
        _RELAY_PY,
        "            if not reply.write(out):\n                self.hold()",
        "            reply.write(out)",
        (_RELAY, _CALL),
    ),
    Mutation(
        "an upstream that is paused stays so",
        _RELAY_PY,
        "            self.exchange.resume()",
        "            pass",
        (_CALL, _RELAY),
    ),
    Mutation(
        "a connection that fails behind a whole answer spoils it",
        _RELAY_PY,
        "            if ending.error is None:\n                self._end(ending)\n                return\n",
        "",
        (_RELAY,),
    ),
    Mutation(
        "a stream is whole when the first of its choices is",
        _RELAY_PY,
        "        if pipe.finish is not None and self.exchange is not None and pipe.ended >= self.choices:",
        "        if pipe.finish is not None and self.exchange is not None and pipe.ended >= 1:",
        (_RELAY,),
    ),
    Mutation(
        "a client that leaves leaves the upstream running",
        _RELAY_PY,
        'the client is gone."""\n        if self.exchange is not None:',
        'the client is gone."""\n        if self.exchange is None:',
        (_CALL,),
    ),
    Mutation(
        "what is held back isn't counted against the bound",
        _RELAY_PY,
        "        self._kept += count\n",
        "        self._kept = count\n",
        (_RELAY, _INGRESS),
    ),
    Mutation(
        "the bound on what is held is given back twice",
        _RELAY_PY,
        "            self.account.give(self._kept)\n        self._kept = 0",
        "            self.account.give(self._kept)",
        (_RELAY, _INGRESS),
        survives="An account gives back no more than it holds, and a call's is settled when its reply has ended.",
    ),
)

_ROUTING = (
    Mutation(
        "a tool's result is drawn for anew",
        _ROUTER_PY,
        "if request.in_tool_loop and request.session is not None:",
        "if request.in_tool_loop and request.session is None:",
        (_CONVERSATIONS,),
    ),
    Mutation(
        "a tool's result goes to where the last one of the key's went",
        _ROUTER_PY,
        "self._preferred(arms, request, principal.sessions, now",
        "self._preferred(arms, request, principal.key_id, now",
        (_CONVERSATIONS,),
    ),
    Mutation(
        "more is cached than the prompt has",
        _ROUTER_PY,
        "cached = min(warm.tokens, tokens)",
        "cached = warm.tokens",
        (_CONVERSATIONS,),
    ),
    Mutation(
        "the whole prompt is cached",
        _ROUTER_PY,
        "cached = min(warm.tokens, tokens)",
        "cached = tokens",
        (_CONVERSATIONS,),
    ),
    Mutation(
        "the first arm is the warm one",
        _ROUTER_PY,
        "position = candidates.names.index(warm.arm)",
        "position = 0",
        (_CONVERSATIONS,),
    ),
    Mutation(
        "cooldowns are looked at only while there are none",
        _ROUTER_PY,
        "if not self._cooldowns.all_well:",
        "if self._cooldowns.all_well:",
        (_BOOKINGS, _CALL),
    ),
    Mutation(
        "a fee per request is left out of the quote",
        _ROUTER_PY,
        "fixed += candidates.request_usd",
        "fixed += 0.0",
        (_PLANS, _PRICES),
    ),
    Mutation(
        "a long prompt is quoted at the price of a short one",
        _ROUTER_PY,
        "arm.quoted.output_usd(tokens) for arm",
        "arm.quoted.output_usd(1) for arm",
        (_PLANS, _PRICES),
    ),
    Mutation(
        "the request's own objective is overruled by the route's",
        _ROUTER_PY,
        "else request.objective.over(objective)",
        "else request.objective.over()",
        (_PLANS,),
    ),
    Mutation(
        "the objective of another route",
        _ROUTER_PY,
        "self._objectives.get(route) or",
        "self._objectives.get(route) and",
        (_PLANS, _ROUTER),
    ),
    Mutation(
        "candidates are remembered when prices have changed",
        _ROUTER_PY,
        "self._cache.clear()",
        "pass",
        (_PLANS, _PRICES, "tests/faults/test_added_arms.py"),
    ),
    Mutation(
        "a window that the prompt just fills is too small",
        _ELIGIBILITY_PY,
        "tokens <= arm.context_window else",
        "tokens < arm.context_window else",
        (_PLANS, _ELIGIBILITY),
    ),
    Mutation(
        "an arm is wished for by its provider alone",
        _ELIGIBILITY_PY,
        "names = {arm.provider, arm.name}",
        "names = {arm.provider}",
        (_ELIGIBILITY, _ROUTER, _CONVERSATIONS),
    ),
    Mutation(
        "where all arms rest, the one whose cooldown ends last is asked",
        _COOLDOWNS_PY,
        "return min(range(len(arms)), key=",
        "return max(range(len(arms)), key=",
        (_COOLDOWNS,),
    ),
    Mutation(
        "a cooldown doesn't double",
        _COOLDOWNS_PY,
        "min(LONGEST_S, 2.0 * last.length)",
        "min(LONGEST_S, last.length)",
        (_COOLDOWNS,),
    ),
    Mutation(
        "cooldowns double for ever",
        _COOLDOWNS_PY,
        "min(LONGEST_S, 2.0 * last.length)",
        "2.0 * last.length",
        (_COOLDOWNS,),
    ),
    Mutation(
        "a burst of failures is many failures",
        _COOLDOWNS_PY,
        "not last.probing and now < last.until",
        "last.probing and now < last.until",
        (_COOLDOWNS,),
    ),
    Mutation(
        "two probes at a time",
        _COOLDOWNS_PY,
        "now >= cooldown.until and not cooldown.probing",
        "now >= cooldown.until",
        (_COOLDOWNS,),
    ),
    Mutation(
        "a provider may ask for any rest",
        _COOLDOWNS_PY,
        "min(LONGEST_RETRY_AFTER_S, max(0.0, retry_after_s))",
        "max(0.0, retry_after_s)",
        (_COOLDOWNS,),
    ),
    Mutation(
        "a prompt cache never gets cold",
        _SESSIONS_PY,
        "now - turn.at > CACHE_S or",
        "turn.at - now > CACHE_S or",
        (_SESSIONS,),
    ),
    Mutation(
        "the sessions that were used last are forgotten first",
        _SESSIONS_PY,
        "self._turns.popitem(last=False)",
        "self._turns.popitem()",
        (_SESSIONS,),
    ),
)

_LEARNING = (
    Mutation(
        "failed attempts aren't learnt",
        _LEARNER,
        'bandit.observe_failure(self._arm(str(attempt["arm"])), now=now)',
        "del attempt",
        (_BOOKINGS,),
    ),
    Mutation(
        "failed attempts are learnt of the arm that answered",
        _LEARNER,
        'bandit.observe_failure(self._arm(str(attempt["arm"])), now=now)',
        "bandit.observe_failure(self._arm(event.arm), now=now)",
        (_BOOKINGS,),
    ),
    Mutation(
        "what is corrected is taken back with the new weight",
        _LEARNER,
        "at=then, weight=previous.weight)",
        "at=then, weight=event.weight)",
        (_CORRECTIONS,),
    ),
    Mutation(
        "what is corrected is taken back with the new value",
        _LEARNER,
        "retract_quality(arm, x, previous.value,",
        "retract_quality(arm, x, event.value,",
        (_CORRECTIONS, _FEEDBACK),
    ),
    Mutation(
        "what is corrected is taken back as of now",
        _LEARNER,
        "then = self.time.of(previous.seq, previous.at)",
        "then = now",
        (_FOLD, _TIMELINE, _CORRECTIONS),
    ),
    Mutation(
        "what is corrected isn't taken back",
        _LEARNER,
        "            if previous is not None:",
        "            if previous is None and now < 0.0:",
        (_CORRECTIONS,),
    ),
    Mutation(
        "feedback weighs one, whoever gave it",
        _LEARNER,
        "at=now, weight=event.weight)",
        "at=now, weight=1.0)",
        (_CORRECTIONS, _FEEDBACK),
    ),
    Mutation(
        "failures of the gateway's own are learnt of the arm",
        _LEARNER,
        "error=None if event.status in NO_VERDICT else",
        "error=",
        (_FOLD, _OVERLOAD),
    ),
    Mutation(
        "what a client did wrong is learnt of the arm",
        _LEARNER,
        "not answered and event.status not in OURS,",
        "not answered,",
        (_BOOKINGS, _FOLD),
    ),
    Mutation(
        "tokens of a cut answer are learnt as its length",
        _LEARNER,
        "output_tokens=output if answered else None,",
        "output_tokens=output,",
        (_FOLD,),
    ),
    Mutation(
        "the time per token is the time of all",
        _LEARNER,
        "token_s = seconds / output",
        "token_s = seconds",
        (_FOLD,),
    ),
    Mutation(
        "what was spent isn't counted against the budget",
        _LEARNER,
        "cost_usd=event.cost_usd,",
        "cost_usd=None,",
        (_FOLD,),
    ),
    Mutation(
        "spending is counted against another route's budget",
        _LEARNER,
        "budget=event.route,",
        "budget=event.task,",
        (_FOLD,),
    ),
    Mutation(
        "statistics go by the row's stamp, not by the time of learning",
        _LEARNER,
        "self.statistics.decided(event, now)",
        "self.statistics.decided(event, event.finished_at)",
        ("tests/faults/test_wrong_clock.py", _TIMELINE),
    ),
    Mutation(
        "rows are learnt twice when they are read twice",
        _LEARNER,
        "if event.seq > self.seq:",
        "if event.seq >= 0:",
        (_FEEDBACK, _LAG),
    ),
    Mutation(
        "a snapshot forgets the rows that it holds",
        _LEARNER,
        "            self.seq = seq\n            break",
        "            break",
        (_DURABILITY,),
    ),
    Mutation(
        "a snapshot without the fit that is due",
        _LEARNER,
        "            await self._fit()  # else the copy",
        "            pass  # else the copy",
        (_FEEDBACK, _DURABILITY),
        survives="The copy then makes the fit itself, in its thread: the same snapshot, but traffic waits no more for it.",
    ),
    Mutation(
        "labels are learnt without their lengths",
        _LEARNER,
        "np.array([tokens for _, _, tokens in judged])",
        "None",
        (_LABELS,),
    ),
    Mutation(
        "a new arm's prior is today's, not its row's",
        _LEARNER,
        "ArmPrior(**event.prior) if event.prior is not None else",
        "",
        ("tests/faults/test_added_arms.py", "tests/proxy/arms/test_added_arms.py", _FOLD),
    ),
    Mutation(
        "feedback that ends the linger doesn't",
        _JOURNAL_PY,
        "        self.backlog_feedback += len(feedback)\n        self._hurry()\n",
        "        self.backlog_feedback += len(feedback)\n",
        (_JOURNAL, _FEEDBACK),
    ),
    Mutation(
        "the backlog of feedback only grows",
        _JOURNAL_PY,
        "        self.backlog_feedback -= len(feedback)",
        "        self.backlog_feedback -= 0",
        (_FOLD, _JOURNAL),
    ),
    Mutation(
        "decisions of a failed transaction are dropped",
        _JOURNAL_PY,
        "                self._decisions[:0] = decisions\n                self._writing = 0",
        "                self._writing = 0",
        (_FEEDBACK, _JOURNAL),
    ),
    Mutation(
        "feedback comes before what it is about",
        _JOURNAL_PY,
        "if len(self._decisions) <= _LARGEST:",
        "if self._decisions is not None:",
        (_FOLD,),
    ),
    Mutation(
        "corrections are committed and not learnt",
        _JOURNAL_PY,
        'r.status in ("new", "corrected")',
        'r.status == "new"',
        (_CORRECTIONS, _FEEDBACK),
    ),
    Mutation(
        "the end doesn't wait for what is still to be learnt",
        _JOURNAL_PY,
        "            await self._learnt(_CLOSING_S)",
        "            pass",
        (_FOLD, _LAG),
    ),
    Mutation(
        "no snapshot at the end",
        _JOURNAL_PY,
        '        try:\n            await self._learner.save(self._store)\n        except StoreError as error:\n            log.warning("no snapshot at shutdown',
        '        try:\n            pass\n        except StoreError as error:\n            log.warning("no snapshot at shutdown',
        (_DURABILITY, _JOURNAL),
    ),
    Mutation(
        "no snapshot while it runs",
        _JOURNAL_PY,
        "                await self._learner.save(self._store)\n                self._saved = seq",
        "                self._saved = seq",
        (_FOLD, _JOURNAL),
    ),
    Mutation(
        "rows that others wrote in between are passed over",
        _JOURNAL_PY,
        "kept[0].seq == rows[-1].seq + 1",
        "kept[0].seq >= rows[-1].seq + 1",
        (_FOLD, _LAG, _JOURNAL),
    ),
    Mutation(
        "a correction is another feedback in the statistics",
        _STATISTICS_PY,
        "        previous = feedback.previous\n",
        "        previous = None\n",
        (_FEEDBACK, _CORRECTIONS),
    ),
    Mutation(
        "a correction takes back the new weight of a task's verdicts",
        _STATISTICS_PY,
        "self.verdicts.add(arm, task, -previous.weight, replaced_at)",
        "self.verdicts.add(arm, task, -feedback.weight, replaced_at)",
        (_STATISTICS, _CORRECTIONS, _FEEDBACK),
    ),
    Mutation(
        "what a client did wrong is an error in the statistics",
        _STATISTICS_PY,
        "elif decision.status not in OURS:",
        "else:",
        (_BOOKINGS, _STATISTICS),
    ),
    Mutation(
        "an answer's time counts from its request, not from its first token",
        _STATISTICS_PY,
        "decision.finished_at - decision.at - (decision.ttft_s or 0.0)",
        "decision.finished_at - decision.at",
        (_STATISTICS, _FOLD),
    ),
    Mutation(
        "a row of the far future moves time on",
        _TIMELINE_PY,
        "if not -LATE_S <= gap <= FORWARD_S:",
        "if not -LATE_S <= gap:",
        (_TIMELINE,),
    ),
    Mutation(
        "late rows turn time back",
        _TIMELINE_PY,
        "        if gap > 0.0:\n            self._base = stamp",
        "        self._base = stamp",
        (_TIMELINE,),
    ),
    Mutation(
        "others are asked, and nobody is waited for",
        _PEERS,
        "for name, row in now.items() if name in others}",
        "for name, row in now.items() if name not in others}",
        (_TWO_GATEWAYS,),
    ),
)

_ATTRIBUTED = (
    Mutation(
        "each answer of a session counts as a whole observation",
        _ATTRIBUTION,
        "weight=item.weight / len(answers)",
        "weight=item.weight",
        (_FEEDBACK, _CORRECTIONS),
    ),
    Mutation(
        "a session's verdict overrules an answer's own",
        _ATTRIBUTION,
        "f.source.startswith(EPISODE) for f in given",
        "True for f in given",
        (_FEEDBACK, _CORRECTIONS),
    ),
    Mutation(
        "a session's verdict concerns its failed answers too",
        _ATTRIBUTION,
        'if answer.status == "ok":',
        "if answer.status:",
        (_CORRECTIONS,),
    ),
    Mutation(
        "a session's last answers may not be committed yet",
        _ATTRIBUTION,
        "        await gateway.journal.committed()\n",
        "",
        (_FEEDBACK,),
    ),
    Mutation(
        "complaints weigh as much as praise",
        _ATTRIBUTION,
        "feedback_weight(item.value, source=item.source)",
        'feedback_weight(item.value, source="audit")',
        (_CORRECTIONS, _FEEDBACK),
    ),
    Mutation(
        "anybody's session may be judged",
        _ATTRIBUTION,
        "gateway.store.session(session, viewer=item.by)",
        "gateway.store.session(session)",
        (_PRINCIPALS,),
    ),
    Mutation(
        "several clients' sessions of one name are judged as one",
        _ATTRIBUTION,
        "return len(strangers) > 1",
        "return len(strangers) > 2",
        (_PRINCIPALS, _FEEDBACK),
    ),
    Mutation(
        "feedback waits for the answer of another client",
        _UNDER_WAY,
        "        if not principal.sees(call.principal):\n            continue\n",
        "",
        (_PRINCIPALS, _FEEDBACK),
    ),
    Mutation(
        "feedback isn't given again when its answer has ended",
        _UNDER_WAY,
        "        await gateway.journal.committed()\n        await _retry(gateway, rows, results)",
        "        await gateway.journal.committed()",
        (_FEEDBACK,),
    ),
)

_EVIDENCE_OF_ARMS = (
    Mutation(
        "evidence from before a change is taken back whole",
        _EVIDENCE_PY,
        "            if at <= reopening.before:\n",
        "            if at > math.inf:\n",
        (_CORRECTIONS, _EVIDENCE),
    ),
    Mutation(
        "evidence from after a change is taken back in part",
        _EVIDENCE_PY,
        "            if at <= reopening.before:\n",
        "            if at >= reopening.before:\n",
        (_CORRECTIONS, _EVIDENCE),
    ),
    Mutation(
        "what came after a change is lost with what came before",
        _EVIDENCE_PY,
        "        self.sums.scale(kept)\n        self.sums.add(recent)\n",
        "        self.sums.scale(kept)\n",
        (_CORRECTIONS, _EVIDENCE),
    ),
    Mutation(
        "what came after a change counts twice",
        _EVIDENCE_PY,
        "        self.sums.add(recent, -1.0)\n",
        "",
        (_CORRECTIONS, _EVIDENCE),
    ),
    Mutation(
        "a corrected feedback stays in what is recent",
        _REGRESSION_PY,
        "        evidence.forget_recent(x, value, scaled, at)\n",
        "",
        (_CORRECTIONS, _EVIDENCE),
    ),
    Mutation(
        "siblings keep what was taken back",
        _REGRESSION_PY,
        "for other, share in ((arm, 1.0), *self._kin[arm]):",
        "for other, share in ((arm, 1.0),):",
        (_EVIDENCE, _REGRESSION),
    ),
    Mutation(
        "a feedback of little weight surprises like any other",
        _REGRESSION_PY,
        "surprise = weight * (value - mean)",
        "surprise = (value - mean)",
        (_EVIDENCE, _REGRESSION, _ENGINE),
    ),
    Mutation(
        "feedback doesn't age",
        _REGRESSION_PY,
        "scaled = weight * self._decay.weight(at)\n        self._total",
        "scaled = weight\n        self._total",
        (_REGRESSION,),
    ),
    Mutation(
        "labels outlast the feedback that contradicts them",
        _EVIDENCE_PY,
        "        self.trust.trusted = False\n",
        "",
        (_EVIDENCE, _REGRESSION),
    ),
    Mutation(
        "a rise is taken for a fall",
        _DRIFT,
        "self.rise = max(0.0, self.rise + z - SLACK)",
        "self.rise = max(0.0, self.rise - z - SLACK)",
        (_EVIDENCE, _REGRESSION, _CORRECTIONS),
    ),
    Mutation(
        "one outlier is an alarm",
        _DRIFT,
        "z = min(_CLIP, max(-_CLIP, z))",
        "z = 9.0 * z",
        (_EVIDENCE, _REGRESSION),
    ),
    Mutation(
        "the watch begins no more anew after an alarm",
        _EVIDENCE_PY,
        "        self.cusum.reset(at)\n",
        "",
        (_EVIDENCE, _REGRESSION, _CORRECTIONS),
    ),
    Mutation(
        "feedback that was taken back is still heard",
        _ENGINE_PY,
        "record_feedback(arm, kind_of(x), value, weight, -1.0)",
        "record_feedback(arm, kind_of(x), value, 0.0, -1.0)",
        (_CORRECTIONS, _ENGINE),
    ),
    Mutation(
        "good answers are counted as bad",
        _BIAS_PY,
        "        cell[1] += count * (1.0 - value)\n        cell[2] += count * value",
        "        cell[1] += count * value\n        cell[2] += count * (1.0 - value)",
        (_BIAS,),
    ),
    Mutation(
        "who complains is believed more",
        _BIAS_PY,
        "min(_MOST, max(_LEAST, 1.0 + ratio * g)),",
        "min(_MOST, max(_LEAST, 1.0 - ratio * g)),",
        (_BIAS,),
    ),
    Mutation(
        "a weight of feedback may be anything",
        _BIAS_PY,
        "min(_MOST, max(_LEAST, 1.0 + ratio * g)),",
        "1.0 + ratio * g,",
        (_BIAS,),
    ),
    Mutation(
        "an audit is corrected for who speaks",
        _ENGINE_PY,
        'if source == "audit":',
        'if source == "an audit":',
        (_ENGINE,),
    ),
)

_BILLING = (
    Mutation(
        "cached tokens are paid twice",
        _PRICING_PY,
        "plain = total - cached - written",
        "plain = total - written",
        (_PRICING, _BOOKINGS),
    ),
    Mutation(
        "thoughts are paid twice",
        _PRICING_PY,
        "            text -= thought\n",
        "",
        (_PRICING, _BOOKINGS),
    ),
    Mutation(
        "the price of a request with its prompt as long as a step is the step's",
        _PRICING_PY,
        "if input_tokens <= step.above:",
        "if input_tokens < step.above:",
        (_PRICING,),
    ),
    Mutation(
        "a fee per request isn't billed",
        _PRICING_PY,
        "exact = price.request + tokens",
        "exact = tokens",
        (_PRICING, _PRICES),
    ),
    Mutation(
        "tools are free",
        _PRICING_PY,
        "exact += times * price.fees.get(tool, 0.0)",
        "exact += 0.0 * times",
        (_PRICING, _PRICES),
    ),
    Mutation(
        "the tier that answered isn't the tier that is billed",
        _PRICING_PY,
        "else self.answered(usage.tier, usage.speed)",
        "else self.answered(None, usage.speed)",
        (_PRICING, _PRICES),
    ),
    Mutation(
        "a provider's own bill is reckoned again",
        _PRICING_PY,
        "        if usage.cost_usd is not None:\n            return usage.cost_usd\n",
        "",
        (_PRICING, _PRICES),
    ),
    Mutation(
        "what is cached isn't cheaper in a quote",
        _PRICING_PY,
        "+ cached_tokens * rates.cached_input",
        "+ cached_tokens * rates.input",
        (_PRICING, _CONVERSATIONS),
    ),
    Mutation(
        "more is cached than was asked",
        _COUNTS_PY,
        "usage.cached = min(usage.cached, given)",
        "usage.cached = max(usage.cached, given)",
        (_COUNTS, _BOOKINGS),
    ),
    Mutation(
        "an estimate isn't marked",
        _COUNTS_PY,
        "        usage.input = prompt_tokens()\n        usage.estimated = True",
        "        usage.input = prompt_tokens()",
        (_COUNTS, _CONTENT),
    ),
    Mutation(
        "the client is told another price than is recorded",
        _BILL,
        "if usage is not self._usage:",
        "if self._usage is None:",
        (_BOOKINGS, _CONTENT, _PRICES, "tests/proxy/endpoints/test_openai_client.py"),
        survives="A call has one usage: a pipe reports its last one, and the record asks for that.",
    ),
    Mutation(
        "an answer is billed at the price of the arm that failed",
        _DISPATCH_CALL,
        "self._bill = bill = Bill(arm, request, wire.measured)",
        "self._bill = bill = self._bill or Bill(arm, request, wire.measured)",
        (_BOOKINGS,),
    ),
    Mutation(
        "an arm without a price is free",
        _BILL,
        "self._price.cost(usage) if self._priced else usage.cost_usd",
        "self._price.cost(usage)",
        (_BOOKINGS, _PRICES, "tests/proxy/arms/test_registry.py"),
    ),
    Mutation(
        "a stated price holds for short prompts alone",
        _OVERRIDE_PY,
        "rates[name] = given[name] * (own / before)",
        "rates[name] = given[name]",
        (_OVERRIDE,),
    ),
    Mutation(
        "a stated factor divides",
        _OVERRIDE_PY,
        "name: rate * factor for",
        "name: rate / factor for",
        (_OVERRIDE,),
    ),
)

_INGRESS_OF_REQUESTS = (
    Mutation(
        "a key may do everything",
        _ADMISSION_PY,
        "if principal.scopes.isdisjoint(scopes):",
        "if not principal.scopes:",
        (_ADMISSION, _PRINCIPALS),
    ),
    Mutation(
        "an unknown key is let in as a local one",
        _ADMISSION_PY,
        "        if not self._principals:\n            self._admit_local",
        "        if self._digest(request.headers.get('x-api-key', '')) not in self._principals:\n            self._admit_local",
        (_ADMISSION,),
    ),
    Mutation(
        "without a key the whole network is served",
        _ADMISSION_PY,
        "if peer and not is_loopback(peer):",
        "if peer and is_loopback(peer) is None:",
        (_ADMISSION,),
    ),
    Mutation(
        "a web page may ask without a key",
        _ADMISSION_PY,
        "            if not self._is_own(origin.lower(), host.lower()):",
        "            if not host:",
        (_ADMISSION,),
    ),
    Mutation(
        "nothing is shed",
        _SERVER,
        "                self._gateway.shedding.admit()\n",
        "                pass\n",
        (_SHEDDING, "tests/proxy/ingress/test_server.py"),
    ),
    Mutation(
        "feedback is never shed",
        _SERVER,
        "                self._gateway.shedding.admit_feedback()\n",
        "                pass\n",
        (_SHEDDING,),
    ),
    Mutation(
        "a request more is under way than is allowed",
        _SHEDDING_PY,
        "if calls >= self._most:",
        "if calls > self._most:",
        (_SHEDDING,),
    ),
    Mutation(
        "the journal's backlog sheds nothing",
        _SHEDDING_PY,
        "if self._journal.backlog >= self._most_rows:",
        "if self._journal.backlog_feedback >= self._most_rows:",
        (_SHEDDING,),
    ),
    Mutation(
        "a long turn is remembered for ever",
        _SHEDDING_PY,
        "                self._call_soon(self._turned)",
        "                pass",
        (_SHEDDING,),
    ),
    Mutation(
        "what was shed isn't counted",
        _SHEDDING_PY,
        "        self.shed[reason] += 1\n",
        "",
        (_SHEDDING,),
    ),
    Mutation(
        "bodies aren't bounded together",
        _BUFFERS_PY,
        "if used + count > buffers.limit and used > self.held:",
        "if used + count > buffers.limit and used < self.held:",
        (_BUFFERS, _INGRESS),
    ),
    Mutation(
        "what a connection kept is never given back",
        _BUFFERS_PY,
        "        self._buffers.used -= self.held\n        self.held = 0",
        "        self.held = 0",
        (_BUFFERS, _INGRESS),
    ),
    Mutation(
        "a team of none is everybody's",
        _PRINCIPAL,
        'self.team_id != "" and',
        "",
        ("tests/proxy/governance/test_principal.py",),
    ),
    Mutation(
        "the operator sees only his own",
        _PRINCIPAL,
        'everywhere="admin" in scopes',
        "everywhere=False",
        (_PRINCIPALS,),
    ),
    Mutation(
        "every key is the operator's",
        _PRINCIPAL,
        'everywhere="admin" in scopes',
        "everywhere=True",
        (_PRINCIPALS,),
    ),
)

MUTATIONS: tuple[Mutation, ...] = (
    *_DISPATCH,
    *_ENDS,
    *_ROUTING,
    *_LEARNING,
    *_ATTRIBUTED,
    *_EVIDENCE_OF_ARMS,
    *_BILLING,
    *_INGRESS_OF_REQUESTS,
)
