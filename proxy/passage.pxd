import cython

cdef Py_ssize_t _LONGEST
cdef int _LEFT, _PASSED, _SLOW

@cython.locals(letters="const char *", found="const char *")
cdef Py_ssize_t _line_break(bytes read, Py_ssize_t start) noexcept


cdef class Passage:
    cdef object _write
    cdef object _client
    cdef tuple _lines
    cdef bytes _head
    cdef bytes _tail
    cdef Py_ssize_t _rest
    cdef public Py_ssize_t chunks

    @cython.locals(size=Py_ssize_t, start=Py_ssize_t, line=bytes)
    cpdef int let(self, bytes read) except -1
