import cython

from bandit.context.topics cimport read

cdef Py_ssize_t _CLASSES
cdef Py_ssize_t[::1] _BYTES
cdef double[::1] _GAINS, _SHARES
cdef double _BESIDE_A_TASK
cdef float[::1] _ROUNDED

@cython.locals(values=double[::1], shares=double[::1], at=Py_ssize_t, kind=Py_ssize_t, column=Py_ssize_t)
cpdef object context_vector(object facts, object slot)

@cython.locals(column=Py_ssize_t, kind=Py_ssize_t, most=double)
cpdef Py_ssize_t kind_of(double[::1] x) except -1
