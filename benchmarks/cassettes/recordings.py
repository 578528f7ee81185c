"""Folders of vcrpy cassettes → exchanges: YAML or JSON, plain, gzip or base64 bodies, with or without index."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_PROVIDERS = (
    ("azure", "azure-openai"),
    ("openai.com", "openai"),
    ("anthropic", "anthropic"),
    ("googleapis", "google"),
    ("amazonaws", "aws-bedrock"),
    ("mistral", "mistral"),
    ("deepseek", "deepseek"),
    ("x.ai", "xai"),
    ("dashscope", "alibaba"),
    ("cohere", "cohere"),
    ("groq", "groq"),
    ("together", "together"),
    ("openrouter", "openrouter"),
    ("fireworks", "fireworks"),
)

# (pattern of "host/path", dialect); an exchange that fits none is of an API this gateway doesn't speak.
_DIALECTS = tuple(
    (re.compile(pattern), dialect)
    for pattern, dialect in (
        (r"/chat/completions$", "openai_chat"),
        (r"^api\.writer\.com(?::\d+)?/v1/chat$", "openai_chat"),
        # Writer's text completions have a stream format of their own.
        (r"^(?!api\.writer\.com).*/completions$", "completions"),
        (r"/v\d\w*/embeddings$|deployments/[^/]+/embeddings$", "embeddings"),
        (r"^(?!.*threads).*/v1/messages$|:(?:stream)?[rR]awPredict$", "anthropic_messages"),
        (r"/responses$", "openai_responses"),
        (r":(?:streamG|g)enerateContent$", "gemini"),
        (r"/converse(?:-stream)?$", "bedrock"),
        (r"cohere\.\w+/v2/chat$", "cohere"),
    )
)


@dataclass(frozen=True)
class Exchange:
    """One recorded request with its answer. `dialect` is None for an API outside of the gateway's."""

    file: str
    position: int
    provider: str
    dialect: str | None
    url: str
    request: Any
    status: int
    headers: dict[str, str]
    body: bytes
    stream: bool

    @property
    def where(self) -> str:
        return f"{self.file}#{self.position}"


def exchanges(root: Path) -> Iterator[Exchange]:
    """Yields every exchange below `root`, sorted by file. Unreadable files raise with their name."""
    files = sorted(
        path for path in root.rglob("*") if path.suffix in (".yaml", ".yml", ".json") and path.is_file()
    )
    for path in files:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        try:
            cassette = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)
        except (ValueError, yaml.YAMLError) as error:
            raise SystemExit(f"{path}: {error}") from None
        if not isinstance(cassette, dict) or not isinstance(cassette.get("interactions"), list):
            continue
        for position, interaction in enumerate(cassette["interactions"]):
            yield _exchange(str(path.relative_to(root)), position, interaction)


def _exchange(file: str, position: int, raw: dict[str, Any]) -> Exchange:
    request, response = raw["request"], raw["response"]
    url = urlsplit(request.get("uri") or request.get("url") or "")
    headers = {
        name.lower(): value[0] if isinstance(value, list) and value else str(value)
        for name, value in (response.get("headers") or {}).items()
    }
    body = _unpacked(_bytes(response))
    asked = _json(_unpacked(_bytes(request)))
    status = response.get("status", 200)
    status = status.get("code", 200) if isinstance(status, dict) else int(status)
    place = (url.netloc + unquote(url.path)).rstrip("/")
    known = request.get("method", "POST") == "POST" and asked is not None
    dialect = next((name for pattern, name in _DIALECTS if pattern.search(place)), None) if known else None
    content_type = headers.get("content-type", "")
    stream = (
        "event-stream" in content_type
        or "eventstream" in content_type
        or body.lstrip()[:6].startswith((b"data:", b"event:", b":"))
        or place.endswith(":streamGenerateContent")
    )
    if dialect == "gemini" and isinstance(asked, dict):
        # The model stands in the path there; the adapters take it beside the rest.
        asked = {"model": place.rsplit("/", 1)[-1].rsplit(":", 1)[0], **asked}
    if dialect == "bedrock" and isinstance(asked, dict):
        asked = {"model": place.split("/model/", 1)[-1].rsplit("/", 1)[0], **asked}
    if dialect == "gemini" and stream and body.lstrip().startswith(b"["):
        # Recorded without `alt=sse`, which the gateway always asks for: the same objects as events.
        body = b"".join(b"data: " + json.dumps(obj).encode() + b"\n\n" for obj in json.loads(body))
    host = url.netloc
    provider = next((name for word, name in _PROVIDERS if word in host), host.split(":")[0])
    return Exchange(file, position, provider, dialect, url.geturl(), asked, status, headers, body, stream)


def _bytes(message: dict[str, Any]) -> bytes:
    if message.get("parsed_body") is not None:
        return json.dumps(message["parsed_body"], ensure_ascii=False).encode()
    body = message.get("body")
    if isinstance(body, dict):
        if "base64_string" in body:
            return base64.b64decode(body["base64_string"])
        body = body.get("string")
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        if body.startswith(("\x1f\x8b", "\x1f\udc8b")):
            return body.encode("latin-1", "surrogateescape")
        return body.encode("utf-8", "surrogateescape")
    return json.dumps(body).encode()


def _unpacked(body: bytes) -> bytes:
    if body.startswith(b"\x1f\x8b"):
        return gzip.decompress(body)
    if body[:2] in (b"\x78\x9c", b"\x78\x01", b"\x78\xda"):
        return zlib.decompress(body)
    return body


def _json(body: bytes) -> Any:
    try:
        value = json.loads(body)
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
