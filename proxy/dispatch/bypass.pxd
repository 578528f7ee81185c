import cython

cdef Py_ssize_t _LONGEST
cdef int _LEFT, _FORWARDED, _SLOW

@cython.locals(letters="const char *", line_break="const char *")
cdef Py_ssize_t _line_break(bytes read, Py_ssize_t start) noexcept


@cython.locals(letter=int)
cdef Py_ssize_t _before_padding(bytes read, Py_ssize_t end) noexcept


cdef class Bypass:
    cdef object _client
    cdef object _transport
    cdef object _connection
    cdef int _socket
    cdef tuple _lines
    cdef bytes _head
    cdef bytes _tail
    cdef bytes _lead
    cdef bytes _shown
    cdef Py_ssize_t _rest
    cdef Py_ssize_t _frame
    cdef public bint open
    cdef public Py_ssize_t chunks
    cdef public Py_ssize_t said

    @cython.locals(size=Py_ssize_t, grown=Py_ssize_t, start=Py_ssize_t, line=bytes, sent=Py_ssize_t)
    cpdef int forward(self, bytes read) except -1

    @cython.locals(outcome=int)
    cpdef data_received(self, bytes read)
