import cython

cdef double _NOTHING, _REACH, _STEPS, _ROOT_TWO_PI, _ROOT_TWO
cdef Py_ssize_t _POINTS
cdef double[::1] _CDF
cdef double[::1] _MILLS
cdef double[::1] _QUANTILES

@cython.locals(beta=double)
cdef double excess(double mean, double sd) noexcept

cdef double cut_mean(double mean, double sd, double lost) noexcept

@cython.locals(beta=double)
cdef double cut_sd(double mean, double sd, double lost) noexcept

cdef bint _near(double one, double other) noexcept


cdef class ArmProbabilities:
    cdef double[::1] mean
    cdef double[::1] sd
    cdef double[::1] share
    cdef double[::1] grid
    cdef double[::1] product
    cdef double[::1] weights
    cdef double[:, ::1] below
    cdef double[:, ::1] fall
    cdef double[::1] is_best
    cdef double[::1] shift
    cdef double[::1] regret
    cdef double[::1] gain

    @cython.locals(
        grid=double[::1], product=double[::1], below=double[:, ::1], fall=double[:, ::1], point=Py_ssize_t,
        points=Py_ssize_t, arm=Py_ssize_t, index=Py_ssize_t, reach=double, last=double, mean=double, sd=double,
        scale=double, value=double, place=double, part=double,
    )
    cdef void _place_grid(self, Py_ssize_t count, bint directed) noexcept

    @cython.locals(arm=Py_ssize_t, total=double)
    cdef void compute(self, Py_ssize_t count, double directed) noexcept

    @cython.locals(
        product=double[::1], arm=Py_ssize_t, point=Py_ssize_t, mass=double, before=double, after=double,
    )
    cdef void _compute_best(self, Py_ssize_t count) noexcept

    @cython.locals(
        grid=double[::1], shift=double[::1], fall=double[:, ::1], weights=double[::1], product=double[::1],
        arm=Py_ssize_t, best=Py_ssize_t, point=Py_ssize_t, points=Py_ssize_t, nothing=double, one=double, two=double,
        three=double, four=double, most=double, total=double, is_best=double, value=double, before=double,
        after=double, low=double, high=double, earlier=double, weight=double,
    )
    cdef void _compute_information(self, Py_ssize_t count) noexcept

    @cython.locals(
        regret=double[::1], gain=double[::1], one=Py_ssize_t, other=Py_ssize_t, arm=Py_ssize_t, first=Py_ssize_t,
        second=Py_ssize_t, part=double, least=double, ratio=double, d=double, e=double, share=double,
    )
    cdef void _mix_two(self, Py_ssize_t count, double whole) noexcept

    @cython.locals(regret=double[::1], gain=double[::1], equals=Py_ssize_t, arm=Py_ssize_t)
    cdef void _share_among_equals(self, Py_ssize_t count, Py_ssize_t like, double part) noexcept


@cython.locals(computed=ArmProbabilities, arm=Py_ssize_t)
cdef ArmProbabilities _filled(double[::1] mean, double[::1] sd)

@cython.locals(computed=ArmProbabilities)
cpdef probabilities(mean, sd, double directed=*)
