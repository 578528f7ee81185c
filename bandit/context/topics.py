"""A recogniser of subjects: which of a few fields of work the words of a prompt belong to.

Two views, half each. One is a list of words made by hand (`topic_words`): with s_t the number of distinct stems of topic t, a
stem of m topics counting 1/m,

    weight_t = s_t² / (1 + Σ s²)

so two topics that both fit share the weight, and a text with few listed words has little of it. The other is a linear classifier
trained on exam questions with known subjects (`topic_weights.npz`, by `benchmarks/train_topics.py`): softmax of

    b_t + Σ_s w_st / √(Σ_s r_s²)

over the distinct stems s of the text, with r their rarity. Topics only have to sort work into kinds on which models
differ; how good an arm is at each kind is learnt.

The questions are those of MMLU (D. Hendrycks et al. 2021, MIT licence).

One of the modules that are compiled (`setup.py`); the types of the compiled code stand in the `.pxd` file beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cython
import numpy as np
import numpy.typing as npt

from bandit.arrays import FloatArray, IntArray
from bandit.context.topic_words import STEM, WORDS

if cython.compiled:
    from cython.cimports.libc.math import exp, sqrt
else:
    from math import exp, sqrt

with np.load(Path(__file__).with_name("topic_weights.npz")) as _arrays:
    _TRAINED = dict(_arrays)

TOPICS: tuple[str, ...] = tuple(dict.fromkeys([*WORDS, *_TRAINED["topics"].tolist()]))

CLASSES = 6
_CLASSES = CLASSES
"""Classes of bytes, at most."""

_LEAST = 0.02
"""A share below which a topic counts as none: few columns make a cheap decision."""

_SLOTS = 32768
"""Slots of the hash table: a power of two, several times the number of stems."""

_BITS = 5
"""Bits of a key for each of the six letters of a stem; the first letter's are the lowest."""

_LETTER, _FIELD, _BLOCK = 48, 8, 255
"""Of a byte's entry in a table: the bit where its letter begins, the bits of a count, and the bytes a count can hold."""


def _home(key: int) -> int:
    return (key * 1640531527 >> 16) & (_SLOTS - 1)


def _key_of(stem: str) -> int:
    return sum((code - 96) << _BITS * place for place, code in enumerate(stem.encode()))


def _listed() -> dict[str, list[int]]:
    """Returns the topics of each stem of the list."""
    topics: dict[str, list[int]] = {}
    for position, words in enumerate(WORDS.values()):
        for stem in sorted({word[:STEM] for word in words.split()}):
            if stem.isalpha():
                topics.setdefault(stem, []).append(position)
    return topics


def _hashed(stems: list[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int16]]:
    """Returns the letters of stems by hash, five bits each, open addressing (0: a free slot), and their numbers."""
    keys, numbers = np.zeros(_SLOTS, dtype=np.int32), np.zeros(_SLOTS, dtype=np.int16)
    for number, stem in enumerate(stems):
        key = _key_of(stem)
        slot = _home(key)
        while keys[slot]:
            slot = (slot + 1) & (_SLOTS - 1)
        keys[slot], numbers[slot] = key, number
    return keys, numbers


# Stems are numbered: first those that the classifier knows, then the others of the list. All tables are as narrow as can
# be: other code fills the caches between two requests, and most of the time here is spent waiting for memory.
_LIST = _listed()
_STEMS: list[str] = list(dict.fromkeys([*np.char.decode(_TRAINED["stems"]).tolist(), *_LIST]))
_KEYS, _NUMBERS = _hashed(_STEMS)
_WEIGHTS = _TRAINED["weights"].astype(np.int8, copy=False)
_STEP = float(_TRAINED["step"])
_RARITY = _TRAINED["rarity"].astype(np.float32) ** 2
_INTERCEPTS = _TRAINED["intercepts"].astype(np.float64)
_COLUMNS = np.array([TOPICS.index(topic) for topic in _TRAINED["topics"].tolist()], dtype=np.intp)
"""The topic of each class of the classifier."""
_SUMS, _SCORES = np.zeros(_COLUMNS.shape[0], dtype=np.int32), np.zeros(_COLUMNS.shape[0])
"""Of each class: sum of its weights so far, in steps, and the score."""
_TOPIC_COUNT, _STEM_COUNT = len(TOPICS), len(_STEMS)
_COUNTS = np.array([len(_LIST.get(stem, ())) for stem in _STEMS], dtype=np.int8)
_FIRSTS = (np.cumsum(_COUNTS) - _COUNTS).astype(np.int16)
_WORDS = np.empty(0, dtype=np.intp)
"""Keys of the words of the text that is being read, then the numbers of its stems."""

_MET = np.zeros(_STEM_COUNT, dtype=np.uint8)
"""1 for stems that were met in the text that is being read; all 0 between two texts."""

_LISTED = np.array([topic for stem in _STEMS for topic in _LIST.get(stem, ())], dtype=np.intp)
"""The topics of all stems, one after the other: a stem's begin at its entry of `_FIRSTS`, as many as in `_COUNTS`."""


def byte_table(class_of: bytes) -> list[int]:
    """Returns the table for `read`: of each of the 256 bytes, which letter of the alphabet it is, and its class.

    `class_of` holds the class of each, in [0, CLASSES); bytes of class 0 aren't counted.
    """
    letters = [code & 31 if bytes([code]).isalpha() else 0 for code in range(256)]
    return [
        letter << _LETTER | (1 << _FIELD * (kind - 1) if kind else 0)
        for letter, kind in zip(letters, class_of, strict=True)
    ]


def read(text: bytes, table: Sequence[int], topics: FloatArray, shares: FloatArray) -> None:
    """Writes the weights of topics in a UTF-8 text into `topics` (len(TOPICS),), and the share of each class of bytes but
    class 0 into `shares` (CLASSES,).

    Weights lie in [0, 1), their sum is below 1. `table` is that of `byte_table`; where this is compiled, an array of it,
    (256,) of intp. Raises IndexError if sizes don't fit.
    """
    global _WORDS  # noqa: PLW0603  room for the longest text so far
    count, size, classes = topics.shape[0], len(text), _COLUMNS.shape[0]
    if count != _TOPIC_COUNT or len(table) != 256 or shares.shape[0] != _CLASSES:
        raise IndexError(f"{count} topics, {shares.shape[0]} classes, {len(table)} bytes")
    if _WORDS.shape[0] < size // 2 + 2:
        _WORDS = np.empty(size // 2 + 2, dtype=np.intp)
    for topic in range(count):
        topics[topic] = 0.0
    for number in range(classes):
        _SUMS[number] = 0
    words, sums, rarity = _WORDS, _SUMS, 0.0
    distinct = _distinct(words, _keys_in(text, table, words, shares))
    for place in range(distinct):
        stem = words[place]
        _MET[stem] = 0
        for listed in range(_FIRSTS[stem], _FIRSTS[stem] + _COUNTS[stem]):
            topics[_LISTED[listed]] += 1.0 / _COUNTS[stem]
        if stem < _WEIGHTS.shape[0]:
            rarity += _RARITY[stem]
            for number in range(classes):
                sums[number] += _WEIGHTS[stem, number]
    total = 1.0
    for topic in range(count):
        topics[topic] *= topics[topic]
        total += topics[topic]
    for topic in range(count):
        topics[topic] = 0.5 * topics[topic] / total if topics[topic] > _LEAST * total else 0.0
    if rarity > 0.0:
        _classify(sqrt(rarity), topics)


def _keys_in(text: bytes, table: Sequence[int], words: IntArray, shares: FloatArray) -> int:
    """Writes the keys of a text's words (their first letters) into `words`, and the shares of its bytes into `shares`;
    returns the number of words.

    Without a branch per byte: a processor can't predict where a word ends, and a wrong guess costs as much as five bytes.
    """
    size, count, shift, key, within = (
        len(text),
        0,
        0,
        0,
        0,
    )  # literals in the loop, as the compiler knows no others
    for kind in range(_CLASSES):
        shares[kind] = 0.0
    for start in range(0, size, _BLOCK):
        counts = 0
        for at in range(start, min(size, start + _BLOCK)):
            entry = table[text[at]]
            counts += entry
            letter = entry >> 48
            inside = -letter >> 63  # all bits, or none
            words[count] = key
            count -= within & ~inside
            key = (key | letter << shift) & inside
            shift = min(shift + 5, 30) & inside
            within = inside
        for kind in range(1, _CLASSES):
            shares[kind] += counts >> _FIELD * (kind - 1) & _BLOCK
    for kind in range(1, _CLASSES):
        shares[kind] /= max(1, size)
    words[count] = key
    return count - within


def _distinct(words: IntArray, count: int) -> int:
    """Replaces the `count` keys in `words` by the numbers of their stems, each once; returns how many."""
    met, distinct = _MET, 0
    for place in range(count):
        key = words[place] & 0x3FFFFFFF  # a seventh letter reaches beyond
        slot = _home(key)
        while _KEYS[slot] != 0 and _KEYS[slot] != key:
            slot = (slot + 1) & (_SLOTS - 1)
        stem = _NUMBERS[slot]
        if _KEYS[slot] == key and not met[stem]:
            met[stem] = 1
            words[distinct] = stem
            distinct += 1
    return distinct


def _classify(length: float, topics: FloatArray) -> None:
    """Adds half of each class's probability to its topic."""
    scores, classes, most, total = _SCORES, _COLUMNS.shape[0], -1e300, 0.0
    for number in range(classes):
        scores[number] = _STEP * _SUMS[number] / length + _INTERCEPTS[number]
        most = max(most, scores[number])
    for number in range(classes):
        scores[number] = exp(scores[number] - most)
        total += scores[number]
    for number in range(classes):
        if scores[number] > _LEAST * total:
            topics[_COLUMNS[number]] += 0.5 * scores[number] / total
