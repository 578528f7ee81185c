import cython

from bandit.calls.call_posteriors cimport ErrorRates, LogMeans, Providers
from bandit.decision.arm_probabilities cimport ArmProbabilities, cut_mean, cut_sd, excess
from bandit.decision.predict_quality cimport QualityPredictor
from bandit.decision.shortlist cimport Shortlist
from bandit.quality.posteriors cimport Posteriors

cdef double _HIGH, _LOW
cdef Py_ssize_t _SIZE


cdef class DecisionInputs:
    cdef double[::1] x
    cdef Py_ssize_t kind
    cdef Py_ssize_t[::1] candidates
    cdef double[::1] fixed_usd
    cdef double[::1] output_usd
    cdef double max_tokens
    cdef double now
    cdef double uniform
    cdef double value_usd
    cdef double second_usd
    cdef bint whole_answer
    cdef double money_price
    cdef double broad
    cdef double narrow
    cdef double sampled_narrow
    cdef double directed
    cdef double quality_only
    cdef double floor_total
    cdef double max_exploration


cdef class Decider:
    cdef Posteriors posteriors
    cdef LogMeans tokens
    cdef LogMeans ttft
    cdef LogMeans token_s
    cdef ErrorRates errors
    cdef Providers providers
    cdef QualityPredictor quality
    cdef Shortlist shortlist
    cdef double[::1] waits
    cdef double[::1] worth
    cdef double[::1] paid
    cdef float[::1] rounded
    cdef Py_ssize_t[::1] possible
    cdef double[::1] mean
    cdef double[::1] sd
    cdef double[::1] share
    cdef ArmProbabilities arm_probabilities

    @cython.locals(
        rows=Py_ssize_t[::1], count=Py_ssize_t, directed=double, means=double[::1], variances=double[::1],
        shares=double[::1], competing=Py_ssize_t, position=Py_ssize_t, best=Py_ssize_t,
    )
    cpdef Py_ssize_t decide(self, DecisionInputs inputs, double[:, ::1] table) except -1

    @cython.locals(
        rows=Py_ssize_t[::1], size=Py_ssize_t, count=Py_ssize_t, arms=Py_ssize_t, position=Py_ssize_t,
    )
    cdef object _check(self, DecisionInputs inputs, double[:, ::1] table)

    cdef object _make_room(self, Py_ssize_t count)

    @cython.locals(
        rows=Py_ssize_t[::1], fixed_usd=double[::1], output_usd=double[::1], tokens=double[::1], costs=double[::1],
        seconds=double[::1], errors=double[::1], worth=double[::1], paid=double[::1], waits=double[::1], whole=bint,
        max_tokens=double, value_usd=double, second_usd=double, money_price=double, position=Py_ssize_t, cost=double,
    )
    cdef object _expect(self, DecisionInputs inputs, double[:, ::1] table)

    @cython.locals(
        rows=Py_ssize_t[::1], bound=double[::1], broads=double[::1], worth=double[::1], paid=double[::1], broad=double,
        narrow=double, position=Py_ssize_t, shared=double, variance=double, highest=double,
    )
    cdef void _bound_utilities(self, DecisionInputs inputs, double[::1] means, double[::1] variances) noexcept

    @cython.locals(
        rows=Py_ssize_t[::1], positions=Py_ssize_t[::1], broads=double[::1], broad=double, number=Py_ssize_t,
        position=Py_ssize_t, shared=double, mean=double, sd=double, lost=double,
    )
    cdef void _write_utilities(
        self, DecisionInputs inputs, double narrow, Py_ssize_t count, double[::1] means, double[::1] variances,
    ) noexcept

    @cython.locals(best=Py_ssize_t, number=Py_ssize_t)
    cdef Py_ssize_t _add_shares(self, Py_ssize_t count, double directed, double part, double[::1] shares) except -1

    @cython.locals(
        probabilities=ArmProbabilities, ahead=Py_ssize_t, number=Py_ssize_t, possible=Py_ssize_t, lowest=double,
    )
    cdef object _write_shares(self, Py_ssize_t count, double directed)

    @cython.locals(
        positions=Py_ssize_t[::1], bound=double[::1], part=double, count=Py_ssize_t, position=Py_ssize_t,
        number=Py_ssize_t, mean=double, sd=double, lost=double,
    )
    cdef object _mix_in_quality(
        self, DecisionInputs inputs, Py_ssize_t competing, double[::1] means, double[::1] variances,
        double[::1] shares,
    )

    @cython.locals(count=Py_ssize_t, most=double, least=double, explored=double, position=Py_ssize_t)
    cdef void _keep_floor_and_cap(self, DecisionInputs inputs, Py_ssize_t best, double[::1] shares) noexcept

    @cython.locals(count=Py_ssize_t, total=double, passed=double, position=Py_ssize_t)
    cdef Py_ssize_t _draw(self, double uniform, double[::1] shares) except -1
