import cython

cdef Py_ssize_t _SLOTS, _TOPIC_COUNT, _STEM_COUNT
cdef double _LEAST, _STEP
cdef Py_ssize_t _FIELD, _BLOCK, _CLASSES
cdef Py_ssize_t[::1] _COLUMNS, _LISTED
cdef int[::1] _KEYS, _SUMS
cdef Py_ssize_t[::1] _WORDS
cdef unsigned char[::1] _MET
cdef short[::1] _NUMBERS, _FIRSTS
cdef signed char[::1] _COUNTS
cdef signed char[:, ::1] _WEIGHTS
cdef float[::1] _RARITY
cdef double[::1] _INTERCEPTS, _SCORES

cdef Py_ssize_t _home(Py_ssize_t key) noexcept

@cython.locals(
    count=Py_ssize_t, size=Py_ssize_t, classes=Py_ssize_t, topic=Py_ssize_t, number=Py_ssize_t, distinct=Py_ssize_t,
    place=Py_ssize_t, stem=Py_ssize_t, listed=Py_ssize_t, total=double, rarity=double, sums="int[::1]",
    words="Py_ssize_t[::1]",
)
cpdef object read(bytes text, Py_ssize_t[::1] table, double[::1] topics, double[::1] shares)

@cython.locals(
    size=Py_ssize_t, at=Py_ssize_t, start=Py_ssize_t, kind=Py_ssize_t, entry=Py_ssize_t, counts=Py_ssize_t,
    count=Py_ssize_t, key=Py_ssize_t, letter=Py_ssize_t, inside=Py_ssize_t, within=Py_ssize_t,
    shift=Py_ssize_t,
)
cdef Py_ssize_t _keys_in(bytes text, Py_ssize_t[::1] table, Py_ssize_t[::1] words, double[::1] shares) except -1

@cython.locals(
    met="unsigned char[::1]", distinct=Py_ssize_t, place=Py_ssize_t, key=Py_ssize_t, slot=Py_ssize_t, stem=Py_ssize_t,
)
cdef Py_ssize_t _distinct(Py_ssize_t[::1] words, Py_ssize_t count) except -1

@cython.locals(classes=Py_ssize_t, number=Py_ssize_t, most=double, total=double, scores="double[::1]")
cdef void _classify(double length, double[::1] topics) noexcept
