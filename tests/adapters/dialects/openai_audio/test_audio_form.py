"""Forms with a recording: their fields, another model in them, and how long the recording is."""

import struct

import pytest

from adapters.dialects.openai_audio.form import Form

TYPE = 'multipart/form-data; boundary="frontier"'


def form(**fields: bytes) -> bytes:
    parts = [
        b'--frontier\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in fields.items()
    ]
    return b"".join(parts) + b"--frontier--\r\n"


def wave(rate: int, size: int) -> bytes:
    head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, rate, 2, 16)
    return head + bytes(size - len(head))


def test_fields_are_read_where_they_stand() -> None:
    read = Form(form(file=b"\r\n\0sound--frontie", model=b"whisper-1"), TYPE)
    assert (read["file"], read["model"], read["stream"]) == (b"\r\n\0sound--frontie", b"whisper-1", b"")
    assert ("file" in read, "stream" in read) == (True, False)


def test_another_model_changes_nothing_else() -> None:
    read = Form(form(model=b"auto", file=b"auto"), TYPE)
    assert read.with_model("whisper-large") == form(model=b"whisper-large", file=b"auto")
    assert read.content_type == TYPE.encode()


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data"])
def test_a_form_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(ValueError, match="multipart/form-data with a boundary"):
        Form(form(file=b"x"), content_type)


def test_a_form_that_is_cut_off_has_the_fields_that_are_whole() -> None:
    read = Form(form(model=b"m", file=b"sound")[:-30], TYPE)
    assert ("model" in read, "file" in read) == (True, False)


@pytest.mark.parametrize(
    ("recording", "seconds"),
    [
        (wave(1000, 5000), 5.0),
        (wave(0, 32_000), 2.0),  # a rate that can't be: by its size
        (b"ID3" + bytes(31_997), 2.0),
        (b"", 0.0),
    ],
)
def test_a_recording_lasts_as_its_head_says_else_by_its_size(recording: bytes, seconds: float) -> None:
    assert Form(form(file=recording), TYPE).seconds == pytest.approx(seconds)


def test_no_recording_lasts_for_weeks() -> None:
    assert Form(form(file=wave(1, 2_000_000)), TYPE).seconds == pytest.approx(1e6)
