import cython

from bandit.decision.arm_probabilities cimport Contest, cut_mean, cut_sd, excess
from bandit.calls.call_posteriors cimport ErrorRates, LogMeans, Providers
from bandit.quality.posteriors cimport Posteriors

cdef double _HIGH, _LOW
cdef Py_ssize_t _FIELD

@cython.locals(position=Py_ssize_t, shared=double, unsure=double, hoped=double)
cdef void _hope(
    double common, double narrow, Py_ssize_t[::1] rows, double[::1] broad, double[::1] means, double[::1] variances,
    double[::1] worth, double[::1] paid, double[::1] result,
) noexcept


cdef class Judge:
    cdef Posteriors quality
    cdef LogMeans tokens
    cdef LogMeans ttft
    cdef LogMeans token_s
    cdef ErrorRates errors
    cdef Providers providers
    cdef double[::1] waits
    cdef double[::1] worth
    cdef double[::1] paid
    cdef double[::1] index
    cdef double[::1] order
    cdef Py_ssize_t[::1] support
    cdef double[::1] weights
    cdef Py_ssize_t[::1] field
    cdef Py_ssize_t[::1] able
    cdef Py_ssize_t[::1] arms
    cdef double[::1] known
    cdef double[::1] mean
    cdef double[::1] sd
    cdef double[::1] share
    cdef Contest contest

    cdef object _make_room(self, Py_ssize_t count, Py_ssize_t size)

    @cython.locals(
        theta=double[:, ::1], covariance=double[:, :, ::1], weights=double[::1], count=Py_ssize_t, used=Py_ssize_t,
        row=Py_ssize_t, at=Py_ssize_t, position=Py_ssize_t, first=Py_ssize_t, arm=Py_ssize_t, one=Py_ssize_t,
        two=Py_ssize_t, three=Py_ssize_t, four=Py_ssize_t, a=double, b=double, c=double, d=double, side_by_side=bint,
    )
    cdef Py_ssize_t _foresee(
        self, double[::1] x, Py_ssize_t[::1] rows, double[::1] means, double[::1] variances
    ) except -1

    @cython.locals(
        position=Py_ssize_t, order=double[::1], wanted=Py_ssize_t, low=Py_ssize_t, high=Py_ssize_t,
        left=Py_ssize_t, right=Py_ssize_t, taken=Py_ssize_t, equal=Py_ssize_t, pivot=double, least=double,
    )
    cdef Py_ssize_t _select(self, Py_ssize_t count) except -1

    @cython.locals(
        covariance=double[:, :, ::1], known=double[::1], arms=Py_ssize_t[::1], weights=double[::1], number=Py_ssize_t,
        at=Py_ssize_t, later=Py_ssize_t, row=Py_ssize_t, first=Py_ssize_t, arm=Py_ssize_t, one=Py_ssize_t,
        two=Py_ssize_t, three=Py_ssize_t, four=Py_ssize_t, a=double, b=double, c=double, d=double, twice=double,
        side_by_side=bint,
    )
    cdef object _know(
        self, Py_ssize_t[::1] rows, Py_ssize_t used, Py_ssize_t count, double[::1] variances
    )

    @cython.locals(contest=Contest, ahead=Py_ssize_t, position=Py_ssize_t, able=Py_ssize_t, lowest=double)
    cdef object _judge(self, Py_ssize_t count, double directed)

    @cython.locals(
        broad=double[::1], number=Py_ssize_t, position=Py_ssize_t, shared=double, mean=double, unsure=double,
        lost=double,
    )
    cdef void _weigh(
        self, Py_ssize_t count, Py_ssize_t[::1] rows, double[::1] means, double[::1] variances, double common,
        double narrow,
    ) noexcept

    @cython.locals(ahead=Py_ssize_t, number=Py_ssize_t)
    cdef Py_ssize_t _award(self, Py_ssize_t count, double directed, double part, double[::1] shares) except -1

    @cython.locals(
        quality=Posteriors, count=Py_ssize_t, size=Py_ssize_t, position=Py_ssize_t, used=Py_ssize_t,
        taken=Py_ssize_t, number=Py_ssize_t, ahead=Py_ssize_t, best=Py_ssize_t, drawn=Py_ssize_t,
        means=double[::1], variances=double[::1], tokens=double[::1], costs=double[::1], seconds=double[::1],
        errors=double[::1], shares=double[::1], mean=double, cost=double,
        unsure=double, hoped=double, lost=double, least=double, explored=double, total=double, passed=double,
        deep=double,
    )
    cpdef Py_ssize_t decide(
        self, double[::1] x, Py_ssize_t kind, Py_ssize_t[::1] rows, double[::1] fixed_usd,
        double[::1] output_usd, double now, double most_tokens, double value_usd, double second_usd, bint whole,
        double dearer, double common, double narrow, double sampled_narrow, double directed, double looking,
        double floors, double most_explored, double uniform, double[:, ::1] table,
    ) except -1
