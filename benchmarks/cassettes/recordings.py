"""Folders of vcrpy cassettes → exchanges: YAML or JSON, with or without an index, whatever else lies about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from benchmarks.cassettes.bodies import body_of, json_of


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads tags that it doesn't know (older recorders write Python's) as what they stand before."""


def _untagged(loader: Any, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("", _untagged)

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


@dataclass(frozen=True)
class Unreadable:
    """A file, or one interaction of it, of which no exchange could be made."""

    where: str
    reason: str


def exchanges(root: Path) -> Iterator[Exchange | Unreadable]:
    """Yields every exchange below `root`, sorted by file. A file without interactions is no cassette."""
    files = sorted(
        path for path in root.rglob("*") if path.suffix in (".yaml", ".yml", ".json") and path.is_file()
    )
    for path in files:
        name = str(path.relative_to(root))
        try:
            text = path.read_bytes().decode("utf-8", errors="surrogateescape")
            cassette = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)
        except (ValueError, OSError, RecursionError, yaml.YAMLError, TypeError) as error:
            yield Unreadable(name, f"{type(error).__name__}: {' '.join(str(error).split())[:160]}")
            continue
        if not isinstance(cassette, dict) or not isinstance(cassette.get("interactions"), list):
            continue
        for position, interaction in enumerate(cassette["interactions"]):
            try:
                yield _exchange(name, position, interaction)
            except Exception as error:  # noqa: BLE001  anything may stand in a file, and the run goes on
                yield Unreadable(f"{name}#{position}", f"{type(error).__name__}: {str(error)[:160]}")


def _exchange(file: str, position: int, raw: dict[str, Any]) -> Exchange:
    if not isinstance(raw, dict) or not all(
        isinstance(raw.get(half), dict) for half in ("request", "response")
    ):
        raise ValueError("no HTTP request with its response")
    request, response = raw["request"], raw["response"]
    url = urlsplit(request.get("uri") or request.get("url") or "")
    headers = headers_of(response)
    body = body_of(response, headers)
    asked = json_of(body_of(request, headers_of(request)))
    status = response.get("status", response.get("status_code", 200))
    status = int(status.get("code", 200) if isinstance(status, dict) else status)
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


def headers_of(message: dict[str, Any]) -> dict[str, str]:
    """Returns headers by lower-case name; of several values the first."""
    raw = message.get("headers") or {}
    pairs = raw.items() if isinstance(raw, dict) else ((pair[0], pair[1]) for pair in raw)
    return {
        str(name).lower(): str(value[0] if isinstance(value, list) and value else value)
        for name, value in pairs
    }
