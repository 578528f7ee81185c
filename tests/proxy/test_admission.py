"""Who may come in: without keys this machine alone, with keys whoever holds one."""

from __future__ import annotations

import gc
from typing import Any, cast

import pytest
from aiohttp.web import BaseRequest
from multidict import CIMultiDict

from proxy.admission import Admission, is_loopback
from proxy.errors import Refusal


class _Request:
    """As much of a request as admission looks at."""

    def __init__(self, headers: dict[str, str], remote: str | None) -> None:
        self.headers = CIMultiDict(headers)
        self.remote = remote


def admitted(admission: Admission, remote: str | None = "127.0.0.1", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = _Request({"Host": "127.0.0.1:8080", **named}, remote)
    return admission.admit(cast("BaseRequest", cast("Any", request)))


def refused(admission: Admission, remote: str | None = "127.0.0.1", **headers: str) -> tuple[int, str | None]:
    with pytest.raises(Refusal) as raised:
        admitted(admission, remote, **headers)
    return raised.value.status, raised.value.code


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104  that is the question
        ("::", False),
        ("10.1.2.3", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_everything_else(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080"])
def test_without_keys_this_machine_comes_in_nameless(host: str) -> None:
    assert Admission([]).open
    assert admitted(Admission([]), Host=host) == ""
    assert admitted(Admission([]), Host=host, Origin="http://localhost:3000") == ""


@pytest.mark.parametrize("remote", ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0"])
def test_without_keys_nobody_else_does(remote: str) -> None:
    assert refused(Admission([]), remote) == (403, "loopback_only")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "[::2]:8080", "localhost.evil", ""]
)
def test_without_keys_a_name_that_merely_resolves_to_us_is_refused(host: str) -> None:
    assert refused(Admission([]), Host=host) == (403, "host_not_allowed")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil", "localhost"])
def test_without_keys_pages_of_other_sites_are_refused(origin: str) -> None:
    assert refused(Admission([]), Origin=origin) == (403, "origin_not_allowed")


def test_allowed_hosts_are_served_as_well() -> None:
    admission = Admission([], ["Gateway.internal"])
    assert admitted(admission, Host="gateway.internal:80") == ""
    assert admitted(admission, Origin="https://gateway.internal") == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk-1"},
        {"authorization": "bEaReR  sk-1 "},
        {"x_api_key": "sk-1"},
        {"X_API_Key": "sk-1", "Authorization": "Basic abc"},
    ],
)
def test_a_known_key_opens_from_anywhere_under_a_name_that_is_not_the_key(headers: dict[str, str]) -> None:
    admission = Admission(["sk-0", "sk-1", "schlüssel"])
    assert not admission.open
    name = admitted(admission, "10.0.0.1", Host="anything.example", Origin="https://x.example", **headers)
    assert len(name) == 8
    assert int(name, 16) >= 0
    assert name != admitted(admission, Authorization="Bearer sk-0")


def test_a_key_that_is_not_ascii_opens_as_its_bytes_come() -> None:
    sent = "schlüssel".encode().decode("utf-8", "surrogateescape")
    assert admitted(Admission(["schlüssel"]), Authorization=f"Bearer {sent}")
    assert refused(Admission(["schlüssel"]), Authorization="Bearer schl\udcffssel")[0] == 401


@pytest.mark.parametrize("key", ["sk-2", "sk-", "sk-11", "SK-1", "sk-1\udcff"])
def test_another_key_is_401_even_from_this_machine(key: str) -> None:
    assert refused(Admission(["sk-1"]), Authorization=f"Bearer {key}") == (401, "invalid_api_key")
    assert refused(Admission(["sk-1"]), x_api_key=key) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}, {"x_api_key": ""}]
)
def test_no_key_is_401_and_says_where_it_goes(headers: dict[str, str]) -> None:
    assert refused(Admission(["sk-1"]), **headers) == (401, "missing_api_key")


def test_the_keys_themselves_are_not_kept() -> None:
    assert not any("sk-1" in repr(held) for held in gc.get_referents(Admission(["sk-1"])))
