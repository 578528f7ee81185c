import pytest

from proxy.chunks import LONGEST, SIZE_LINES


@pytest.mark.parametrize("size", [1, 15, 16, 255, 256, LONGEST - 8])
def test_the_length_of_a_chunk_tells_its_first_line(size):
    chunk = b"%x\r\n%s\r\n" % (size, b"x" * size)
    assert SIZE_LINES[len(chunk)] == b"%x\r\n" % size


def test_a_length_that_no_chunk_has_tells_nothing():
    lengths = {len(b"%x\r\n%s\r\n" % (size, b"x" * size)) for size in range(1, LONGEST)}
    assert {length for length, line in enumerate(SIZE_LINES) if line is None} == set(range(LONGEST)) - lengths
