"""JSON with halves of characters and with bytes that are no UTF-8 is read; what is broken otherwise is refused."""

import json
import re

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters import lenient_json

pieces = st.sampled_from(["\ud83d", "\ude00", "\udfff", "\\", "u", "d83d", '"', "\n", "x", "é", "😀"])
texts = st.lists(pieces).map("".join)


def whole(text: str) -> str:
    """What is left of a text with halves of characters: UTF-16 joins those that belong together."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@given(texts)
def test_halves_of_characters_become_the_replacement_character(text):
    raw = json.dumps({"a": [text], text: 1}).encode()
    assert lenient_json.loads(raw) == {"a": [whole(text)], whole(text): 1}


@given(st.binary())
@example(b"\xed\xa0\x80")
def test_bytes_that_are_no_utf8_are_replaced(data):
    data = bytes(byte for byte in data if byte >= 0x80)
    once = re.sub(rb"\xed[\xa0-\xbf][\x80-\xbf]", "\ufffd".encode(), data)  # half a character, encoded
    assert lenient_json.loads(b'"' + data + b'"') == once.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", b'{"a": NaN}', rb'{"a": "\ud8"}', rb'{"a": "\ud83d", "b": NaN}', b'{"a": "\xff", }'],
)
def test_what_is_no_json_for_another_reason_stays_refused(raw):
    with pytest.raises(orjson.JSONDecodeError):
        lenient_json.loads(raw)


def test_text_of_python_with_halves_is_read_too():
    assert lenient_json.loads('{"a": "\ud83d"}')["a"].strip("\ufffd") == ""


def test_a_backslash_that_is_escaped_begins_no_escape():
    assert lenient_json.loads(rb'["\\ud83d", "\\\ud83d"]') == [r"\ud83d", "\\\ufffd"]


@given(texts)
def test_what_is_whole_stays_as_it_is_byte_for_byte(text):
    raw = json.dumps(whole(text)).encode()
    assert lenient_json.mended(raw) == raw
