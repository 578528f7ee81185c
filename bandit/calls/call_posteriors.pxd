import cython

cdef double _HUBER, _LEAST_SD, _PRIOR_SD, _CELL_PRIOR, _ARM_PRIOR, _PRIOR_ERRORS, _PRIOR_CALLS


cdef class Providers:
    cdef public list names
    cdef Py_ssize_t[::1] group
    cdef bint shared


cdef class LogMeans:
    cdef Py_ssize_t cells
    cdef double typical
    cdef double rate
    cdef double[:, ::1] weight
    cdef double[:, ::1] total
    cdef double[:, ::1] last
    cdef double[:, ::1] arms
    cdef Py_ssize_t version
    cdef Py_ssize_t summed
    cdef double pooled
    cdef double[::1] by_weight
    cdef double[::1] by_total
    cdef double[:, ::1] expected
    cdef Py_ssize_t[:, ::1] stamp

    cdef object _forget(self)

    @cython.locals(
        logarithm=double, weight=double, total=double, count=double, squared=double, most=double,
        expected=double, residual=double, last=double, keep=double,
    )
    cpdef object observe(self, Py_ssize_t arm, Py_ssize_t cell, double value, double now)

    @cython.locals(
        version=Py_ssize_t, kept=double[:, ::1], stamp=Py_ssize_t[:, ::1], arm=Py_ssize_t, position=Py_ssize_t,
        group=Py_ssize_t, prior=double, mean=double,
    )
    cpdef object expect(self, Py_ssize_t cell, Providers providers, Py_ssize_t[::1] rows, double[::1] result)

    @cython.locals(count=Py_ssize_t, arm=Py_ssize_t, weight=double, total=double)
    cdef object _sum(self, Providers providers)


cdef class ErrorRates:
    cdef double rate
    cdef double[::1] failed
    cdef double[::1] called
    cdef double[::1] last
    cdef Py_ssize_t version
    cdef Py_ssize_t summed
    cdef double second
    cdef double[::1] by_failed
    cdef double[::1] by_called
    cdef double[::1] expected
    cdef Py_ssize_t[::1] stamp

    cdef object _forget(self)

    @cython.locals(keep=double)
    cpdef object observe(self, Py_ssize_t arm, bint error, double now)

    @cython.locals(
        version=Py_ssize_t, arm=Py_ssize_t, position=Py_ssize_t, keep=double, errors=double,
        calls=double, expected=double, others=double, among=double,
    )
    cpdef object expect(self, double now, Providers providers, Py_ssize_t[::1] rows, double[::1] result)

    @cython.locals(count=Py_ssize_t, arm=Py_ssize_t, keep=double)
    cdef object _sum(self, double now, Providers providers)
