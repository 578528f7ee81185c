import cython

cdef Py_ssize_t STEM, _SLOTS
cdef Py_ssize_t[::1] _KEYS, _FIRSTS, _COUNTS, _TOPICS

cdef Py_ssize_t _home(Py_ssize_t key) noexcept

@cython.locals(
    count=Py_ssize_t, kinds=Py_ssize_t, size=Py_ssize_t, topic=Py_ssize_t, kind=Py_ssize_t, at=Py_ssize_t,
    key=Py_ssize_t, letters=Py_ssize_t, letter=Py_ssize_t, slot=Py_ssize_t, place=Py_ssize_t,
    code="unsigned char", total=double, met="unsigned char[::1]",
)
cpdef object read(bytes text, bytes class_of, double[::1] topics, double[::1] shares)
