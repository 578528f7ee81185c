"""Credentials: which variables hold them, and those that are made for a call: AWS signatures, Google's tokens.

A signer answers at once with what it holds; only `ready` may wait, and nothing in it blocks the event loop.
"""

from __future__ import annotations

import asyncio
import fnmatch
import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Protocol
from urllib.parse import unquote

from adapters.dialects.bedrock.sigv4 import Credentials, sign
from adapters.errors import ErrorKind, ProviderError
from adapters.providers import PROVIDERS
from proxy.config import ArmConfig, Config, ConfigError, ProviderConfig
from proxy.masking import Mask
from proxy.secret_values import resolved
from proxy.threads import in_own_thread
from proxy.upstream import Endpoint

log = logging.getLogger("meritorder")

RENEW_AHEAD_S = 300.0
"""A token is renewed this long before it ends, behind the backs of the requests that still use it. Google's own
servers hand out a new one from about then on.
"""

LONGEST_WAIT_S = 30.0
"""What a request waits for a token at most."""

_ONE_CALL_S = 10.0
"""Time limit of one attempt at Google's token server; its library makes a few."""

_UNKNOWN_LIFETIME_S = 1800.0
"""Lifetime of a token that doesn't say when it ends; Google's live for an hour."""

_PAUSE_S = 5.0
"""Pause between two attempts to renew a token that still serves."""

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"

_AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

_REGION = re.compile(r"(?:^|\.)([a-z]{2,4}(?:-[a-z]+)+-\d+)\.(?:vpce\.)?(?:amazonaws\.com|api\.aws)")
_BEARER = re.compile(rb"authorization: Bearer (\S+)", re.IGNORECASE)
_PLAIN = re.compile(r"[\x21-\x7e]+")

# The words of OAuth 2.0 (RFC 6749, 5.2) say what is wrong; whatever else an error holds may be a secret.
_OAUTH_WORD = re.compile(r"\b(?:invalid_\w{4,16}|unauthorized_client|unsupported_grant_type|access_denied)\b")


def with_secrets(config: Config, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment with the secrets that files hold (NAME_FILE) under the names of their variables, and all of
    them trimmed. Raises ConfigError where one can't be read. Blocks.
    """
    named = {row.key_env for row in PROVIDERS.values()} | {arm.api_key_env for arm in config.arms}
    named |= {entry.api_key_env for entry in config.providers.values()}
    try:
        secrets = resolved(environment, sorted({name for name in named if name} | {*_AWS_KEYS}))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    patterns = config.server.arm_key_env
    for name in {name.removesuffix("_FILE") for name in environment} - {*secrets}:
        # Nobody has asked for it yet, so that it can't be read is no reason not to start.
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            try:
                secrets = resolved(secrets, [name])
            except ValueError as error:
                log.warning("server.arm_key_env: %s", error)
    return secrets


def mask_of(config: Config, environment: Mapping[str, str]) -> Mask:
    """Returns a mask of all secrets that configuration and environment hold, whether they are in use or not."""
    mask = Mask()
    mask.add(*(entry.key.get_secret_value() for entry in config.server.api_keys))
    holders: list[ArmConfig | ProviderConfig] = [*config.arms, *config.providers.values()]
    for holder in holders:
        given = holder.api_key or holder.api_key_file
        mask.add(None if given is None else given.get_secret_value())
        mask.add(environment.get(holder.api_key_env or ""))
    mask.add(*(environment.get(row.key_env) for row in PROVIDERS.values() if row.key_env))
    mask.add(*(environment.get(name) for name in _AWS_KEYS[1:]))
    for name, value in environment.items():
        if name.lower().endswith("_proxy"):
            login = value.rpartition("://")[2].rpartition("@")[0]
            mask.add(login, unquote(login), login.partition(":")[2], unquote(login.partition(":")[2]))
    return mask


class Signer(Protocol):
    """What authorises the calls of an arm. Arms with the same `account` share one signer."""

    account: str

    async def ready(self) -> None:
        """Returns when `headers` can be asked. Raises ProviderError (authentication)."""
        ...

    def headers(self, target: str, body: bytes, now: float) -> bytes:
        """Returns whole header lines for a POST of `body` to `target`, as sent, at `now` (epoch seconds)."""
        ...

    def hide(self, mask: Mask) -> None:
        """Adds the secrets that are used from now on to the mask."""
        ...


class AwsSigner:
    """Signature Version 4 with access keys."""

    __slots__ = ("_credentials", "_origin", "_region", "account")

    def __init__(self, credentials: Credentials, endpoint: Endpoint, region: str) -> None:
        self.account = f"aws {credentials.access_key} {region} {endpoint.authority}"
        self._credentials = credentials
        self._region = region
        # The signature covers the Host header; the scheme is no part of it.
        self._origin = f"https://{endpoint.authority}"

    async def ready(self) -> None:
        """The keys are there from the start."""

    def hide(self, mask: Mask) -> None:
        mask.add(self._credentials.secret_key, self._credentials.session_token)

    def headers(self, target: str, body: bytes, now: float) -> bytes:
        signed = sign("POST", self._origin + target, {}, body, self._credentials, self._region, now)
        return _lines(signed)


class GoogleSigner:
    """Access tokens of google-auth. `load` returns (credentials, transport); it and their `refresh` run in a
    thread, one at a time, however many requests wait. `clock` gives epoch seconds.
    """

    account = "google"

    def __init__(self, load: Callable[[], tuple[Any, Any]], clock: Callable[[], float] = time.time) -> None:
        self._load = load
        self._clock = clock
        self._loaded: tuple[Any, Any] | None = None
        self._headers = b""
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._renewal: asyncio.Task[str | None] | None = None
        self._mask: Mask | None = None

    def hide(self, mask: Mask) -> None:
        self._mask = mask
        self._hide_token()

    def _hide_token(self) -> None:
        token = _BEARER.search(self._headers)
        if token is not None and self._mask is not None:
            self._mask.add_passing(token[1].decode())

    async def ready(self) -> None:
        now = self._clock()
        if now < self._renew_at:
            return
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.get_running_loop().create_task(self._renew(), name="google token")
        if now < self._expires_at:
            return
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                failure = await asyncio.shield(self._renewal)
        except TimeoutError:
            failure = f"no token came within {LONGEST_WAIT_S:g} s"
        if failure is not None:
            raise ProviderError(
                ErrorKind.AUTHENTICATION, f"The gateway's Google credentials can't be used: {failure}."
            )

    def headers(self, target: str, body: bytes, now: float) -> bytes:  # noqa: ARG002  a token fits every call
        return self._headers

    async def _renew(self) -> str | None:
        """Returns what failed, in words without a secret."""
        try:
            headers, expiry = await in_own_thread(self._fetch, "google token")
        except Exception as error:  # noqa: BLE001  a plug-in for credentials may raise anything
            word = _OAUTH_WORD.search(str(error))
            failure = type(error).__name__ + (f", {word[0]}" if word is not None else "")
            log.warning("Google's token can't be renewed: %s", failure)
            self._renew_at = min(self._clock() + _PAUSE_S, self._expires_at)
            return failure
        now = self._clock()
        self._headers = headers
        self._hide_token()
        self._expires_at = now + _UNKNOWN_LIFETIME_S if expiry is None else expiry
        self._renew_at = self._expires_at - min(RENEW_AHEAD_S, max(0.0, self._expires_at - now) / 4)
        return None

    def _fetch(self) -> tuple[bytes, float | None]:
        """Returns header lines and epoch seconds. Blocks."""
        if self._loaded is None:
            self._loaded = self._load()
        credentials, transport = self._loaded
        credentials.refresh(transport)
        named: dict[str, str] = {}
        credentials.apply(named)  # the token, and the project that pays where that is another one
        expiry: datetime | None = credentials.expiry
        if expiry is not None and expiry.tzinfo is None:
            expiry = expiry.replace(tzinfo=UTC)
        return _lines(named), None if expiry is None else expiry.timestamp()


def _lines(headers: Mapping[str, str]) -> bytes:
    if any(not value.isascii() or not value.isprintable() for value in headers.values()):
        raise ValueError("a credential holds characters that no header can")
    return "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items()).encode()


def aws_signer(endpoint: Endpoint, environment: Mapping[str, str]) -> AwsSigner:
    """Signs with the keys of the environment. Raises ConfigError."""
    access_key, secret_key = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        raise ConfigError(
            "needs a key in AWS_BEARER_TOKEN_BEDROCK or api_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    token = environment.get("AWS_SESSION_TOKEN") or None
    for name, value in zip(_AWS_KEYS, (access_key, secret_key, token), strict=True):
        if value is not None and not _PLAIN.fullmatch(value):
            raise ConfigError(f"{name} holds characters that no key has")
    in_host = _REGION.search(endpoint.host)
    region = in_host[1] if in_host else environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigError("the host of base_url names no region: set AWS_REGION")
    if not _PLAIN.fullmatch(region):
        raise ConfigError("AWS_REGION is no name of a region")
    return AwsSigner(Credentials(access_key, secret_key, token), endpoint, region)


def google_signer() -> GoogleSigner:
    """Signs with Google's application default credentials. Raises ConfigError where google-auth is missing."""
    if not _installed("google.auth") or not _installed("requests"):
        raise ConfigError("needs a bearer token in api_key, or google-auth: pip install 'meritorder[vertex]'")
    return GoogleSigner(_application_default)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _application_default() -> tuple[Any, Any]:
    from google.auth import default  # noqa: PLC0415  an optional extra, slow to import
    from google.auth.transport.requests import Request  # noqa: PLC0415

    transport = Request()

    def bounded(*arguments: Any, **named: Any) -> Any:
        return transport(*arguments, **{"timeout": _ONE_CALL_S, **named})

    return default(scopes=[_SCOPE])[0], bounded
