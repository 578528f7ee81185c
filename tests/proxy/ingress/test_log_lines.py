"""Nobody but the gateway begins a line of its log, and no terminal obeys what stands in it."""

from __future__ import annotations

import io
import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ingress.log_lines import LINE_CHARS, TRACE_CHARS, LineFormatter, escaped
from proxy.masking import Mask, MaskedLog

FORGED = "2026-12-01 00:00:00,000 ERROR meritorder.server: forged"


@pytest.fixture
def log() -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("log-lines")
    logger.propagate = False
    logger.handlers = [handler]
    return logger, stream


def test_a_message_is_one_line(log):
    logger, stream = log
    logger.warning("%s rests: %s", "p/a", f"broke\r\n{FORGED}\n\x1b[31mred\u202e\u2028\x85\x00\ud83d")
    line = rf"WARNING log-lines: p/a rests: broke\r\n{FORGED}\n\x1b[31mred\u202e\u2028\x85\x00\ud83d"
    assert stream.getvalue() == f"{line}\n"


def test_text_for_the_eye_stays_as_it_is(log):
    logger, stream = log
    logger.warning("schön 😀 日本 \\n")
    assert stream.getvalue() == "WARNING log-lines: schön 😀 日本 \\n\n"


def test_a_trace_keeps_its_lines_and_none_begins_as_a_record_does(log):
    logger, stream = log
    try:
        raise ValueError(f"no number\n{FORGED}\r\x1b[2J")
    except ValueError:
        logger.exception("unreadable")
    first, *trace = stream.getvalue().rstrip("\n").split("\n")
    assert first.startswith("ERROR log-lines: unreadable")
    assert trace[0] == "    Traceback (most recent call last):"
    assert trace[-2:] == ["    ValueError: no number", rf"    {FORGED}\r\x1b[2J"]
    assert all(line.startswith("    ") for line in trace)


def test_long_ones_are_cut_in_the_middle(log):
    logger, stream = log
    try:
        raise ValueError("y" * 1_000_000)
    except ValueError:
        logger.exception("begin %s end", "x" * 1_000_000)
    first, trace = stream.getvalue().split("\n", 1)
    assert len(first) < LINE_CHARS + 100
    assert first.endswith(" end")
    assert len(trace) < TRACE_CHARS + 1000


def test_what_is_masked_stays_one_line_too(log):
    logger, stream = log
    mask = Mask()
    mask.add("s3cret-value")
    logger.handlers[0].addFilter(MaskedLog(mask))
    try:
        raise ValueError(f"s3cret-value\n{FORGED}")
    except ValueError:
        logger.exception("s3cret-value\n%s", FORGED)
    written = stream.getvalue()
    assert "s3cret" not in written
    assert not [line for line in written.split("\n") if line.startswith(FORGED[:10])]


@given(st.text(alphabet=st.characters(), max_size=50))
def test_no_text_holds_a_control_character_afterwards(text):
    line = escaped(text)
    assert not [letter for letter in line if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]
    assert len(line.splitlines()) <= 1
    line.encode()
