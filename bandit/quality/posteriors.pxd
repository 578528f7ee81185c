import cython


cdef class Posteriors:
    cdef Py_ssize_t size
    cdef double[:, ::1] theta
    cdef double[:, :, ::1] covariance
    cdef double[::1] broad
    cdef double[::1] spread

    @cython.locals(row=Py_ssize_t, column=Py_ssize_t, mean=double, variance=double)
    cpdef tuple predict(self, Py_ssize_t arm, double[::1] x)

    @cython.locals(row=Py_ssize_t, column=Py_ssize_t, size=Py_ssize_t, spread=double[::1], variance=double, residual=double, shared=double, gain=double)
    cpdef object observe(self, Py_ssize_t arm, double[::1] x, double value, double strength, double[::1] centre)

    cdef object _check(self, Py_ssize_t arm, Py_ssize_t size)


@cython.locals(size=Py_ssize_t, row=Py_ssize_t, column=Py_ssize_t, scaled=double)
cpdef object add_outer(double[:, ::1] outer, double[::1] response, double[::1] x, double y, double weight)

@cython.locals(size=Py_ssize_t, column=Py_ssize_t)
cpdef object add_context(double[:, :, ::1] sums, Py_ssize_t arm, Py_ssize_t kind, double[::1] x)
