"""AWS Signature Version 4, as a function of its arguments. Source: AWS General Reference, signing requests."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    region: str,
    now: float,
    service: str = "bedrock",
) -> dict[str, str]:
    """Returns `headers` with those that authorise the call at `now` (epoch seconds). `url` is as sent,
    percent-encoded; its path is encoded once more for the signature, as every service but S3 demands.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    signed = {key.lower(): " ".join(value.split()) for key, value in headers.items()}
    signed |= {"host": parts.netloc, "x-amz-date": stamp}
    if credentials.session_token is not None:
        signed["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(signed))
    query = sorted(
        (quote(key, safe="-_.~"), quote(value, safe="-_.~")) for key, value in parse_qsl(parts.query, True)
    )
    canonical = "\n".join(
        (
            method.upper(),
            quote(parts.path or "/", safe="/-_.~"),
            "&".join(f"{key}={value}" for key, value in query),
            "".join(f"{key}:{signed[key]}\n" for key in sorted(signed)),
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for piece in scope.split("/"):
        key = hmac.digest(key, piece.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
    added = {"X-Amz-Date": stamp, "Authorization": f"{authorization}Signature={signature}"}
    if credentials.session_token is not None:
        added["X-Amz-Security-Token"] = credentials.session_token
    return {**headers, **added}
