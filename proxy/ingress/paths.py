"""The endpoint of a method and a path, in the forms in which base URLs are commonly put together."""

from __future__ import annotations

import re

from proxy.endpoints import EXACT, PREFIXES, ApiEndpoint
from proxy.ingress.errors import Refusal, invalid, not_found

_NO_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_SLASHES = re.compile("//+")


def find_endpoint(method: str, path: str) -> tuple[ApiEndpoint, str, str]:
    """Returns the endpoint, what follows its prefix, and the path as it is usually written. Raises Refusal."""
    if _NO_ESCAPE.search(path):
        raise invalid("The path has a % without two hexadecimal digits: write %25 for the sign itself.")
    if method == "HEAD":
        method = "GET"  # the reply leaves its body out
    forms = _forms(path)
    for form in forms:
        exact: ApiEndpoint | None = EXACT.get((method, form))
        if exact is not None:
            return exact, "", form
        for (wanted, prefix), endpoint in PREFIXES.items():
            if method == wanted and _is_below(form, prefix):
                return endpoint, form[len(prefix) :], form
    methods = {m for (m, p) in EXACT if p in forms}
    methods |= {m for (m, p) in PREFIXES if any(_is_below(form, p) for form in forms)}
    # A path is not repeated: who mixes up path and header may have sent a key.
    if methods:
        raise Refusal(
            405, f"This path takes {' or '.join(sorted(methods))}, not {method}.", code="method_not_allowed"
        )
    raise not_found("There is no such path here.", code="path_not_found")


def _forms(path: str) -> tuple[str, str, str]:
    """Returns the path as it came, without slashes too many and a second `/v1`, and that below `/v1`.

    Clients put a base URL that ends in a slash, or that has `/v1` or has none, before paths of all kinds.
    """
    tidy = _SLASHES.sub("/", path).rstrip("/")
    if tidy.startswith("/v1/v1"):
        tidy = tidy[3:]
    return path, tidy, "/v1" + tidy


def _is_below(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and path[len(prefix) :].strip("/") != ""
