"""Common forms of a path lead where the usual one does, and to no other endpoint."""

from __future__ import annotations

import pytest

from proxy.endpoints import EXACT, PREFIXES
from proxy.ingress.errors import Refusal
from proxy.ingress.paths import find_endpoint


@pytest.mark.parametrize(("method", "path"), EXACT)
@pytest.mark.parametrize("form", ["{}", "{}/", "/{}", "{}//", "/v1{}"])
def test_slashes_too_many_change_nothing(method: str, path: str, form: str) -> None:
    if form == "/v1{}" and not path.startswith("/v1/"):
        pytest.skip("not below /v1")
    endpoint, rest, usual = find_endpoint(method, form.format(path))
    assert (endpoint, rest, usual) == (EXACT[method, path], "", path)


@pytest.mark.parametrize(("method", "path"), EXACT)
def test_a_base_url_without_v1_reaches_every_endpoint(method: str, path: str) -> None:
    short = path.removeprefix("/v1") if path.startswith("/v1/") else path
    assert find_endpoint(method, short)[0].handler is EXACT[method, path].handler


def test_names_behind_a_prefix_are_left_as_they_are() -> None:
    assert find_endpoint("GET", "/v1/models/p/a")[:2] == (PREFIXES["GET", "/v1/models/"], "p/a")
    assert find_endpoint("GET", "/v1/models/p//a/")[1] == "p//a/"
    assert find_endpoint("GET", "//v1/models/p%2Fa")[1] == "p%2Fa"
    assert find_endpoint("HEAD", "/models/m")[1] == "m"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions/", 405),
        ("GET", "/", 404),
        ("GET", "//", 404),
        ("POST", "/v2/messages", 404),
        ("GET", "/v1/models%2", 400),
        ("POST", "/v1", 404),
    ],
)
def test_what_is_no_path_here_is_refused(method: str, path: str, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        find_endpoint(method, path)
    assert refused.value.status == status
