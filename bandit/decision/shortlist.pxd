import cython

cdef Py_ssize_t _SIZE


cdef class Shortlist:
    cdef double[::1] bound
    cdef double[::1] order
    cdef Py_ssize_t[::1] positions

    cpdef object make_room(self, Py_ssize_t count)

    @cython.locals(position=Py_ssize_t, selected=Py_ssize_t, equal=Py_ssize_t, least=double)
    cdef Py_ssize_t select(self, Py_ssize_t count) except -1

    @cython.locals(
        order=double[::1], position=Py_ssize_t, wanted=Py_ssize_t, low=Py_ssize_t, high=Py_ssize_t, left=Py_ssize_t,
        right=Py_ssize_t, pivot=double,
    )
    cdef double _least(self, Py_ssize_t count) noexcept
