import cython

cdef Py_ssize_t _LETTERS, _SLOTS, _TOPIC_COUNT, _STEM_COUNT
cdef double _LEAST, _STEP
cdef bytes _LETTER_OF
cdef Py_ssize_t[::1] _COLUMNS, _LISTED, _SEEN
cdef int[::1] _KEYS, _SUMS
cdef short[::1] _NUMBERS, _FIRSTS
cdef signed char[::1] _COUNTS
cdef signed char[:, ::1] _WEIGHTS
cdef float[::1] _RARITY
cdef double[::1] _INTERCEPTS, _SCORES

cdef Py_ssize_t _home(Py_ssize_t key) noexcept

@cython.locals(
    count=Py_ssize_t, kinds=Py_ssize_t, size=Py_ssize_t, classes=Py_ssize_t, topic=Py_ssize_t, kind=Py_ssize_t,
    number=Py_ssize_t, at=Py_ssize_t, key=Py_ssize_t, letters=Py_ssize_t, letter=Py_ssize_t, slot=Py_ssize_t,
    stem=Py_ssize_t, place=Py_ssize_t, code=Py_ssize_t, total=double, rarity=double,
    met="unsigned char[::1]", sums="int[::1]", seen="Py_ssize_t[::1]", letter_of=bytes,
)
cpdef object read(bytes text, bytes class_of, double[::1] topics, double[::1] shares)

@cython.locals(classes=Py_ssize_t, number=Py_ssize_t, most=double, total=double, scores="double[::1]")
cdef void _classify(double length, double[::1] topics) noexcept
