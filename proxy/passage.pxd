import cython

cdef Py_ssize_t _LONGEST
cdef int _LEFT, _PASSED, _SLOW


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
