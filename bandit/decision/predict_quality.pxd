import cython

from bandit.quality.posteriors cimport Posteriors

cdef double _LEAST_VARIANCE


cdef class QualityPredictor:
    cdef Posteriors posteriors
    cdef Py_ssize_t used
    cdef Py_ssize_t[::1] support
    cdef double[::1] weights
    cdef Py_ssize_t[::1] arms
    cdef double[::1] sums

    @cython.locals(size=Py_ssize_t, used=Py_ssize_t, row=Py_ssize_t, at=Py_ssize_t)
    cdef object look_at(self, double[::1] x)

    @cython.locals(
        theta=double[:, ::1], weights=double[::1], count=Py_ssize_t, position=Py_ssize_t, at=Py_ssize_t,
        arm=Py_ssize_t, one=Py_ssize_t, two=Py_ssize_t, three=Py_ssize_t, four=Py_ssize_t, a=double, b=double,
        c=double, d=double,
    )
    cdef void write_means(self, Py_ssize_t[::1] rows, double[::1] means) noexcept

    @cython.locals(
        covariance=double[:, :, ::1], weights=double[::1], count=Py_ssize_t, position=Py_ssize_t, at=Py_ssize_t,
        arm=Py_ssize_t, one=Py_ssize_t, two=Py_ssize_t, three=Py_ssize_t, four=Py_ssize_t, a=double, b=double,
        c=double, d=double,
    )
    cdef void write_estimated_variances(self, Py_ssize_t[::1] rows, double[::1] variances) noexcept

    @cython.locals(
        covariance=double[:, :, ::1], weights=double[::1], arms=Py_ssize_t[::1], sums=double[::1], number=Py_ssize_t,
        at=Py_ssize_t, later=Py_ssize_t, row=Py_ssize_t, arm=Py_ssize_t, one=Py_ssize_t, two=Py_ssize_t,
        three=Py_ssize_t, four=Py_ssize_t, a=double, b=double, c=double, d=double, twice=double,
    )
    cdef void write_variances(
        self, Py_ssize_t[::1] rows, Py_ssize_t[::1] positions, Py_ssize_t count, double[::1] variances
    ) noexcept
