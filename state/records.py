"""Rows of the journal. Arrays are numpy; their meaning is the learner's.

The journal is one totally ordered sequence of decisions, feedback, labels, and arms that came, went or got another
price at run time.
Learning is a fold over it: a worker applies rows in the order of `seq`, its own and other workers' alike,
after they are committed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Vector = npt.NDArray[np.floating]


class Owner(NamedTuple):
    """Whose a row is: the lasting ids of a key and its team, both "" where no key was asked for."""

    key: str = ""
    team: str = ""


class Viewer(NamedTuple):
    """Whose rows are looked for: the owner's own and its team's; `everywhere`: those first, then everybody's."""

    owner: Owner
    everywhere: bool


NOBODY = Owner()
EVERYBODY = Viewer(NOBODY, everywhere=True)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key as it was configured. The store keeps the names, and never the key itself."""

    key: str = field(repr=False)
    name: str | None = None
    team: str | None = None


@dataclass(slots=True, init=False)
class Decision:
    """One routed request with its end. Times are epoch seconds, durations seconds, money US dollars.

    id             the answer's own id as the upstream gave it; some servers repeat ids
    request_id     the gateway's own unique id (X-Generation-Id); look-ups and feedback take either, and
                   an `id` that stands for several rows means the latest
    arms           the candidates, in the order of `probabilities`
    probabilities  shape (k,)
    key, team      lasting ids of who asked, "" where no key was asked for
    context        shape (d,): exactly what was decided on; its values are those of float32, which is what is stored
    status         "ok", "cancelled" (client left), "shutdown" (we ended), or an error's label
    attempts       arms that failed before `arm` answered: [{"arm", "error", "status", "seconds"}]
    dropped        names of fields and tools that `arm` was asked without
    excluded       arms that were no candidates for this request: name → why
    ttft_s         to the first content, None where there was none
    upstream_request  what the upstream calls the request in its own logs, None where it doesn't tell
    bill           what else the cost was made of: a provider's own figure and ours, tier, tools, sound; None mostly
    """

    id: str
    at: float
    route: str
    task: str
    arm: str
    arms: tuple[str, ...]
    probabilities: Floats
    propensity: float
    context: Vector
    objective: dict[str, object]
    price_version: str
    key: str
    team: str
    session: str | None
    user: str | None
    dialect: str
    streamed: bool
    request_id: str
    finished_at: float
    status: str
    http_status: int
    error: str | None
    finish: str | None
    input_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    usage_estimated: bool
    cost_usd: float | None
    ttft_s: float | None
    attempts: list[dict[str, object]]
    dropped: list[str]
    bill: dict[str, object] | None
    excluded: dict[str, str]
    upstream_request: str | None
    seq: int

    def __init__(
        self,
        id: str,
        at: float,
        route: str,
        task: str,
        arm: str,
        arms: tuple[str, ...],
        probabilities: Floats,
        propensity: float,
        context: Vector,
        objective: dict[str, object],
        price_version: str,
        key: str = "",
        team: str = "",
        session: str | None = None,
        user: str | None = None,
        dialect: str = "openai",
        streamed: bool = False,
        request_id: str = "",
        finished_at: float = 0.0,
        status: str = "ok",
        http_status: int = 200,
        error: str | None = None,
        finish: str | None = None,
        input_tokens: int | None = None,
        cached_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        output_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        usage_estimated: bool = False,
        cost_usd: float | None = None,
        ttft_s: float | None = None,
        attempts: list[dict[str, object]] | None = None,
        seq: int = 0,
        dropped: list[str] | None = None,
        bill: dict[str, object] | None = None,
        excluded: dict[str, str] | None = None,
        upstream_request: str | None = None,
    ) -> None:
        self.id = id
        self.at = at
        self.route = route
        self.task = task
        self.arm = arm
        self.arms = arms
        self.probabilities = probabilities
        self.propensity = propensity
        self.context = context
        self.objective = objective
        self.price_version = price_version
        self.key = key
        self.team = team
        self.session = session
        self.user = user
        self.dialect = dialect
        self.streamed = streamed
        self.request_id = request_id
        self.finished_at = finished_at
        self.status = status
        self.http_status = http_status
        self.error = error
        self.finish = finish
        self.input_tokens = input_tokens
        self.cached_tokens = cached_tokens
        self.cache_write_tokens = cache_write_tokens
        self.output_tokens = output_tokens
        self.reasoning_tokens = reasoning_tokens
        self.usage_estimated = usage_estimated
        self.cost_usd = cost_usd
        self.ttft_s = ttft_s
        self.attempts = [] if attempts is None else attempts
        self.dropped = [] if dropped is None else dropped
        self.seq = seq
        self.bill = bill
        self.excluded = {} if excluded is None else excluded
        self.upstream_request = upstream_request


@dataclass(slots=True)
class Feedback:
    """One value of one metric for one answer. The store fills in what it stands on at commit.

    value        in [0, 1]
    weight       of the observation when learning, fixed when it was taken in
    arm, context of the decision that `id` names
    previous     the feedback that this one replaces, to be taken back exactly
    by           whose judgement it is, and whose answers may be judged
    """

    id: str
    metric: str
    value: float
    at: float
    weight: float = 1.0
    source: str = ""
    comment: str = ""
    idempotency_key: str | None = None
    seq: int = 0
    arm: str = ""
    task: str = ""
    context: Vector | None = None
    previous: Feedback | None = None
    by: Viewer = EVERYBODY


@dataclass(frozen=True, slots=True)
class FeedbackResult:
    """The outcome of a feedback: "new", "corrected", "repeated" (same value: nothing changed), "unknown" id."""

    status: str
    feedback: Feedback | None = None


@dataclass(slots=True)
class ArmChange:
    """An arm that was added at run time or, with `config` None, taken out of service.

    config  what the arm is, as its owner described it
    prior   what was believed of it when it was added; None in rows of the first schema, which did not keep it
    at      epoch seconds
    by      whose doing it is
    """

    name: str
    at: float
    config: dict[str, object] | None
    prior: dict[str, object] | None = None
    seq: int = 0
    by: Owner = NOBODY


@dataclass(slots=True)
class ArmPrice:
    """A price that was set for an arm at run time or, with `price` None, taken back.

    price       what is stated of it, as it was asked for
    configured  what configuration stated of it then; None where an earlier version kept nothing of that
    at          epoch seconds
    by          whose doing it is
    """

    name: str
    at: float
    price: dict[str, object] | None
    configured: dict[str, object] | None = None
    seq: int = 0
    by: Owner = NOBODY


@dataclass(slots=True)
class Label:
    """A query that was judged before traffic, for several arms at once.

    digest     of the query and of the arms: a label that comes again is not a second one
    context    of shape (d,), that of the query without a column for its task
    qualities  of the arms' answers, in [0, 1]
    output_tokens
               of these answers, where they are known
    at         when it was taken in, epoch seconds
    by         whose judgement it is
    """

    digest: bytes
    at: float
    task: str
    context: Vector
    qualities: dict[str, float]
    output_tokens: dict[str, int]
    seq: int = 0
    by: Owner = NOBODY


Event = Decision | Feedback | ArmChange | ArmPrice | Label
