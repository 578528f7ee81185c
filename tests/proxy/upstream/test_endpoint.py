import pytest

from proxy.upstream import Endpoint, complete_head, head_prefix, request_head

OPENAI = Endpoint.from_url("https://api.openai.com/v1/")


@pytest.mark.parametrize(
    ("url", "parts", "authority"),
    [
        ("https://api.openai.com/v1/", ("https", "api.openai.com", 443, "/v1"), "api.openai.com"),
        ("http://LOCALHOST:11434", ("http", "localhost", 11434, ""), "localhost:11434"),
        ("http://[::1]:8000/v1", ("http", "::1", 8000, "/v1"), "[::1]:8000"),
        (
            "https://bücher.example/a%20b",
            ("https", "xn--bcher-kva.example", 443, "/a%20b"),
            "xn--bcher-kva.example",
        ),
    ],
)
def test_a_base_url_is_taken_apart(url, parts, authority):
    endpoint = Endpoint.from_url(url)
    assert endpoint == parts
    assert endpoint.authority == authority
    assert hash(endpoint) == hash(Endpoint.from_url(url))


@pytest.mark.parametrize(
    "url",
    [
        "api.openai.com",
        "ftp://x",
        "https://",
        "https://u:p@x",
        "https://x?k=v",
        "https://x/#f",
        "https://x/a b",
        "http://x:99999",
    ],
)
def test_a_base_url_that_can_not_be_meant_is_refused(url):
    with pytest.raises(ValueError):
        Endpoint.from_url(url)


def test_a_head_is_prebuilt_but_for_the_length():
    prefix = head_prefix("POST", OPENAI, "/chat/completions", [(b"Authorization", b"Bearer k")])
    assert complete_head(prefix, 12) == (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\naccept-encoding: identity\r\n"
        b"authorization: Bearer k\r\ncontent-length: 12\r\n\r\n"
    )
    assert b"content-length" not in request_head("GET", OPENAI, "/models", [], None)


def test_headers_of_the_hop_are_not_taken_over():
    sent = [(b"Connection", b"x"), (b"Content-Length", b"9"), (b"Host", b"evil"), (b"Accept-Encoding", b"br")]
    assert request_head("GET", OPENAI, "/models", sent, None) == request_head(
        "GET", OPENAI, "/models", [], None
    )


@pytest.mark.parametrize(
    ("method", "path", "header"),
    [
        ("POST", "/a\r\nx: y", (b"a", b"b")),
        ("POST", "/a b", (b"a", b"b")),
        ("POST /", "/a", (b"a", b"b")),
        ("POST", "/a", (b"a\r\nb", b"c")),
        ("POST", "/a", (b"a", b"b\r\nc: d")),
        ("POST", "/a", (b"a", b"b\0")),
        ("POST", "/a", (b"", b"b")),
    ],
)
def test_nothing_smuggles_a_second_header_or_request(method, path, header):
    with pytest.raises(ValueError):
        head_prefix(method, OPENAI, path, [header])
