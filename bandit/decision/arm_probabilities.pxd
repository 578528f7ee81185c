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


cdef class Contest:
    cdef double[::1] mean
    cdef double[::1] sd
    cdef double[::1] share
    cdef double[::1] top
    cdef double[::1] product
    cdef double[::1] weights
    cdef double[:, ::1] below
    cdef double[:, ::1] held
    cdef double[::1] won
    cdef double[::1] told
    cdef double[::1] regret
    cdef double[::1] learnt

    @cython.locals(
        top=double[::1], product=double[::1], below=double[:, ::1], held=double[:, ::1], point=Py_ssize_t,
        points=Py_ssize_t, arm=Py_ssize_t, index=Py_ssize_t, reach=double, last=double, mean=double, sd=double,
        scale=double, value=double, place=double, part=double,
    )
    cdef void _place(self, Py_ssize_t count, bint informed) noexcept

    @cython.locals(arm=Py_ssize_t, total=double)
    cdef void judge(self, Py_ssize_t count, double directed) noexcept

    @cython.locals(
        product=double[::1], arm=Py_ssize_t, point=Py_ssize_t, mass=double, before=double, after=double,
    )
    cdef void _compete(self, Py_ssize_t count) noexcept

    @cython.locals(
        top=double[::1], told=double[::1], held=double[:, ::1], weights=double[::1], product=double[::1],
        arm=Py_ssize_t, best=Py_ssize_t, point=Py_ssize_t, points=Py_ssize_t, nothing=double, one=double, two=double,
        three=double, four=double, most=double, total=double, won=double, value=double, before=double,
        after=double, low=double, high=double, earlier=double, weight=double,
    )
    cdef void _inform(self, Py_ssize_t count) noexcept

    @cython.locals(
        regret=double[::1], learnt=double[::1], one=Py_ssize_t, other=Py_ssize_t, arm=Py_ssize_t, first=Py_ssize_t,
        second=Py_ssize_t, part=double, least=double, ratio=double, d=double, e=double, share=double,
    )
    cdef void _mix(self, Py_ssize_t count, double whole) noexcept

    @cython.locals(regret=double[::1], learnt=double[::1], equals=Py_ssize_t, arm=Py_ssize_t)
    cdef void _divide(self, Py_ssize_t count, Py_ssize_t like, double part) noexcept


@cython.locals(contest=Contest, arm=Py_ssize_t)
cdef Contest _alone(double[::1] mean, double[::1] sd)

@cython.locals(contest=Contest)
cpdef probabilities(mean, sd, double directed=*)
