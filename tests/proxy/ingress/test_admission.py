"""Who may come in: without keys this machine alone, with keys whoever holds one."""

from __future__ import annotations

import gc
from typing import Any, cast

import pytest
from aiohttp.web import BaseRequest
from multidict import CIMultiDict

from proxy.endpoints import EXACT, PREFIXES
from proxy.governance.principal import ALL_SCOPES, LOCAL, Principal, Scope
from proxy.ingress.admission import Admission, is_loopback
from proxy.ingress.errors import Refusal

DATA: tuple[Scope, ...] = ("data",)
ADMIN: tuple[Scope, ...] = ("admin",)


def keyed(*keys: str, scopes: tuple[Scope, ...] = DATA) -> Admission:
    return Admission([(key, Principal(f"id of {key}", "", frozenset(scopes))) for key in keys])


class _Request:
    """As much of a request as admission looks at."""

    def __init__(self, headers: dict[str, str], remote: str | None, method: str) -> None:
        self.headers = CIMultiDict(headers)
        self.remote = remote
        self.method = method


def admitted(
    admission: Admission,
    remote: str | None = "127.0.0.1",
    *,
    scopes: tuple[Scope, ...] = DATA,
    method: str = "POST",
    **headers: str,
) -> Principal:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = _Request({"Host": "127.0.0.1:8080", **named}, remote, method)
    return admission.admit(cast("BaseRequest", cast("Any", request)), scopes)


def refused(admission: Admission, remote: str | None = "127.0.0.1", **options: Any) -> tuple[int, str | None]:
    with pytest.raises(Refusal) as raised:
        admitted(admission, remote, **options)
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
    assert admitted(Admission([]), Host=host) is LOCAL
    assert admitted(Admission([]), Host=host, Origin=f"http://{host}") is LOCAL


@pytest.mark.parametrize("remote", ["10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0"])
def test_without_keys_nobody_else_does(remote: str) -> None:
    assert refused(Admission([]), remote) == (403, "loopback_only")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "[::2]:8080", "localhost.evil", ""]
)
def test_without_keys_a_name_that_merely_resolves_to_us_is_refused(host: str) -> None:
    assert refused(Admission([]), Host=host) == (403, "host_not_allowed")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost.evil",
        "localhost",
        "http://127.0.0.1",
        "http://127.0.0.1:3000",
        "http://localhost:8080",
        "ftp://127.0.0.1:8080",
        "127.0.0.1:8080",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_keys_pages_of_another_site_or_port_are_refused(origin: str, method: str) -> None:
    assert refused(Admission([]), Origin=origin, method=method) == (403, "origin_not_allowed")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "unheard-of"])
def test_without_keys_a_browser_that_hides_the_origin_gives_the_page_away(site: str) -> None:
    assert refused(Admission([]), Sec_Fetch_Site=site) == (403, "origin_not_allowed")
    assert admitted(Admission([]), Sec_Fetch_Site="same-origin") is LOCAL
    assert admitted(Admission([]), Sec_Fetch_Site=site, method="GET") is LOCAL


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "text/plain; a=application/json"]
)
def test_without_keys_only_json_changes_the_gateway(method: str, content_type: str) -> None:
    told = refused(Admission([]), scopes=ADMIN, method=method, Content_Type=content_type)
    assert told == (415, "unsupported_media_type")
    json = "Application/JSON; charset=utf-8"
    assert admitted(Admission([]), scopes=ADMIN, method=method, Content_Type=json) is LOCAL
    assert admitted(Admission([]), scopes=ADMIN, method="DELETE") is LOCAL


def test_without_keys_a_page_that_the_operator_names_may_call() -> None:
    admission = Admission([], (), ["http://Localhost:3000/"])
    assert admitted(admission, Origin="http://localhost:3000", Sec_Fetch_Site="same-site") is LOCAL
    assert refused(admission, Origin="http://localhost:3001")[0] == 403
    assert refused(admission, Origin="https://localhost:3000")[0] == 403


def test_allowed_hosts_are_served_as_well() -> None:
    admission = Admission([], ["Gateway.internal"])
    assert admitted(admission, Host="gateway.internal:80") is LOCAL
    assert admitted(admission, Origin="https://gateway.internal") is LOCAL
    assert refused(admission, Origin="https://gateway.internal:8443")[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sk-1"},
        {"authorization": "bEaReR  sk-1 "},
        {"x_api_key": "sk-1"},
        {"X_API_Key": "sk-1", "Authorization": "Basic abc"},
    ],
)
def test_a_known_key_opens_from_anywhere(headers: dict[str, str]) -> None:
    admission = keyed("sk-0", "sk-1", "schlüssel")
    assert not admission.open
    principal = admitted(
        admission, "10.0.0.1", method="POST", Host="anything.example", Origin="https://x.example", **headers
    )
    assert principal.key_id == "id of sk-1"


def test_a_key_that_is_not_ascii_opens_as_its_bytes_come() -> None:
    sent = "schlüssel".encode().decode("utf-8", "surrogateescape")
    assert admitted(keyed("schlüssel"), Authorization=f"Bearer {sent}")
    assert refused(keyed("schlüssel"), Authorization="Bearer schl\udcffssel")[0] == 401


@pytest.mark.parametrize("key", ["sk-2", "sk-", "sk-11", "SK-1", "sk-1\udcff"])
def test_another_key_is_401_even_from_this_machine(key: str) -> None:
    assert refused(keyed("sk-1"), Authorization=f"Bearer {key}") == (401, "invalid_api_key")
    assert refused(keyed("sk-1"), x_api_key=key) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": ""}, {"Authorization": "Bearer "}, {"x_api_key": ""}]
)
def test_no_key_is_401_and_says_where_it_goes(headers: dict[str, str]) -> None:
    assert refused(keyed("sk-1"), **headers) == (401, "missing_api_key")


def test_the_keys_themselves_are_not_kept() -> None:
    assert not any("sk-1" in repr(held) for held in gc.get_referents(keyed("sk-1")))


def test_a_key_does_what_its_scopes_allow_and_is_told_which_it_lacks() -> None:
    admission = keyed("sk-1", scopes=("read", "feedback"))
    assert admitted(admission, scopes=("read", "data"), x_api_key="sk-1").scopes == {"read", "feedback"}
    with pytest.raises(Refusal, match="needs the scope 'data'") as raised:
        admitted(admission, scopes=DATA, x_api_key="sk-1")
    assert (raised.value.status, raised.value.kind) == (403, "permission_error")


def test_every_endpoint_has_scopes_and_what_changes_the_gateway_is_the_operators() -> None:
    table = EXACT | PREFIXES
    assert {place for place, endpoint in table.items() if endpoint.scopes is None} == {("GET", "/healthz")}
    for endpoint in table.values():
        assert endpoint.scopes is None or (endpoint.scopes and set(endpoint.scopes) <= set(ALL_SCOPES))
    changing = {
        place for place in table if place[1].startswith(("/v1/arms", "/v1/prices")) and place[0] != "GET"
    }
    assert {place for place, endpoint in table.items() if endpoint.scopes == ADMIN} == changing


def test_a_principal_sees_its_own_and_its_teams() -> None:
    def principal(key: str, team: str = "", *scopes: str) -> Principal:
        return Principal(key, team, frozenset(scopes or DATA))

    assert principal("a").sees(principal("a"))
    assert not principal("a").sees(principal("b"))
    assert principal("a", "t").sees(principal("b", "t"))
    assert not principal("a", "t").sees(principal("b", "u"))
    assert not principal("a", "t").sees(principal("b"))
    assert principal("a", "", "admin").sees(principal("b", "t"))
