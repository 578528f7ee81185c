"""The table of providers. A further OpenAI-compatible one is a row here and a case in its test.

What a provider does differently from its dialect stands in its row; `Provider.adapt` applies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from adapters.canonical import Json
from adapters.errors import Inexpressible
from adapters.limits import within

Auth = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "google", "aws", "none"]
"""Where the key goes. "google" and "aws" take a bearer key too, and otherwise credentials made per call."""

Thinking = Literal["effort", "switch", "openrouter", "qwen", "none"]
"""How a chat server is told to think: `reasoning_effort`, DeepSeek's `thinking.type`, OpenRouter's
`reasoning`, Alibaba's `enable_thinking` and `thinking_budget`, or not at all."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One row. `base_url` None: the configuration names it; `own_hosts` then is a pattern of the vendor's own, if it has
    any that nobody else can be served under. `prices` is the provider's id in genai-prices.

    `default_models` are served when only the key is known. `renames` are body fields with another name
    there; `rejects` are those that change nothing in the answer and that the server refuses; `refuses` are those
    that would change it, so that the arm can't serve a request with them. `extensions` False: it refuses
    messages with fields that OpenAI doesn't document. `document_urls`: files are parts of that name there.
    `thoughts_with_calls`: a turn with calls must say what was thought, if only nothing.
    `metadata_if_stored`: it takes metadata from those alone who let it store their conversations.
    `tier_header` of an answer names its service tier, a request for one is the header `tier_request_header`.
    """

    name: str
    key_env: str | None
    base_url: str | None
    dialect: str = "openai_chat"
    auth: Auth = "bearer"
    prices: str | None = None
    default_models: tuple[str, ...] = ()
    fixed_headers: tuple[tuple[bytes, bytes], ...] = ()
    stream_options: bool = True
    thinking: Thinking = "effort"
    renames: Mapping[str, str] = field(default_factory=dict)
    rejects: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    extensions: bool = True
    document_urls: bool = False
    thoughts_with_calls: bool = False
    own_hosts: str | None = None
    metadata_if_stored: bool = False
    tier_header: bytes | None = None
    tier_request_header: bytes | None = None

    def headers(self, key: str | None) -> list[tuple[bytes, bytes]]:
        """Returns the headers that carry the key, with those the provider wants on every call."""
        headers = list(self.fixed_headers)
        if key and self.auth != "none":
            if self.auth in ("bearer", "google", "aws"):
                headers.append((b"authorization", b"Bearer " + key.encode()))
            else:
                headers.append((self.auth.encode(), key.encode()))
        return headers

    def adapt(self, body: Json, dropped: list[str] | None = None, model: str | None = None) -> Json:
        """Returns a body in this provider's words and within its model's limits; the same object where nothing differs.
        `model` stands for one that the body doesn't name. `dropped` hears what was left out. Raises Inexpressible where there are
        no words for what would change the answer, its price or its speed.
        """
        named = model or body.get("model")
        if isinstance(named, str):
            body = within(self.name, self.dialect, named, body, dropped)
        if self.dialect != "openai_chat":
            return body
        changed = dict(body)
        lacks = [name for name in sorted(self.refuses) if changed.pop(name, None) not in _NEUTRAL]
        if "service_tier" in self.rejects and changed.get("service_tier") not in _USUAL_TIERS:
            lacks.append(f"service_tier {changed['service_tier']}")
        if self.thinking == "none" and changed.get("reasoning_effort") not in (None, "none"):
            lacks.append("reasoning_effort")
        if lacks:
            raise Inexpressible(", ".join(lacks))
        for name, other in self.renames.items():
            if name in changed:
                value = changed.pop(name)
                changed.setdefault(other, value)
        for name in self.rejects:
            if changed.pop(name, None) is not None and dropped is not None and name not in dropped:
                dropped.append(name)
        if (
            self.metadata_if_stored
            and not changed.get("store")
            and changed.pop("metadata", None)
            and dropped is not None
        ):
            dropped.append("metadata")
        if not self.extensions:
            changed["messages"] = [_documented(message) for message in changed.get("messages", ())]
        if self.document_urls:
            changed["messages"] = [_with_document_urls(message) for message in changed.get("messages", ())]
        if self.thoughts_with_calls:
            changed["messages"] = [_thoughtful(message) for message in changed.get("messages", ())]
        if not self.stream_options:
            changed.pop("stream_options", None)
        if self.thinking != "effort" and changed.get("reasoning_effort") is not None:
            changed.update(_thinking(self.thinking, changed.pop("reasoning_effort")))
        return body if changed == body else changed


# Values that mean the same as none: a `top_k` of 0 or -1 is how some servers write "all".
_NEUTRAL = (None, 0, -1)
_USUAL_TIERS = (None, "auto", "default", "standard")

_UNDOCUMENTED = (
    "reasoning_content",
    "reasoning_details",
    "reasoning",
    "cache_control",
    "annotations",
    "images",
)


def _documented(message: Json) -> Json:
    """Returns the message without what only others than OpenAI know; the thinking of earlier turns goes, as
    OpenAI's own models do not get theirs back here either.
    """
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    if not any(name in message for name in _UNDOCUMENTED) and not any(
        "cache_control" in part for part in parts
    ):
        return message
    plain = {name: value for name, value in message.items() if name not in _UNDOCUMENTED}
    if parts:
        plain["content"] = [{k: v for k, v in part.items() if k != "cache_control"} for part in parts]
    return plain


def _thoughtful(message: Json) -> Json:
    if not message.get("tool_calls") or isinstance(message.get("reasoning_content"), str):
        return message
    return {**message, "reasoning_content": ""}


def _with_document_urls(message: Json) -> Json:
    content = message.get("content")
    if not isinstance(content, list) or not any(_named_file(part) for part in content):
        return message
    parts = []
    for part in content:
        url = _named_file(part)
        if url is not None:
            name = part["file"].get("filename")
            part = {"type": "document_url", "document_url": url}  # noqa: PLW2901  the same part in other words
            if name is not None:
                part["document_name"] = name
        parts.append(part)
    return {**message, "content": parts}


def _named_file(part: object) -> str | None:
    """Returns where the content of a file part is; None for other parts and for files known by an id."""
    match part:
        case {"type": "file", "file": {"file_data": str(url)}}:
            return url
    return None


# Alibaba counts in tokens what others say in a word.
_BUDGET = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576}


def _thinking(style: Thinking, effort: object) -> Json:
    off = effort == "none"
    match style:
        case "openrouter":
            return {"reasoning": {"enabled": False} if off else {"effort": effort}}
        case "switch":
            return {"thinking": {"type": "disabled" if off else "enabled"}}
        case "qwen":
            wanted: Json = {"enable_thinking": not off}
            if not off and effort in _BUDGET:
                wanted["thinking_budget"] = _BUDGET[str(effort)]
            return wanted
    return {}


# OpenAI's newer models refuse the old name, and all of its models know the new one.
_NEW_LIMIT = {"max_tokens": "max_completion_tokens"}
_OLD_LIMIT = {"max_completion_tokens": "max_tokens"}
_OPENAI_ONLY = frozenset(
    (
        "store",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "service_tier",
        "verbosity",
    )
)

_ROWS = (
    Provider(
        "openai",
        "OPENAI_API_KEY",
        "https://api.openai.com/v1",
        prices="openai",
        default_models=("gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano"),
        extensions=False,
        renames=_NEW_LIMIT,
        refuses=frozenset(("top_k",)),
        metadata_if_stored=True,
    ),
    # The base URL is https://RESOURCE.openai.azure.com/openai/v1, and the model the deployment's name; or
    # https://RESOURCE.openai.azure.com/openai/deployments/NAME?api-version=VERSION.
    Provider(
        "azure",
        "AZURE_OPENAI_API_KEY",
        None,
        auth="api-key",
        prices="azure",
        extensions=False,
        renames=_NEW_LIMIT,
        refuses=frozenset(("top_k",)),
        metadata_if_stored=True,
    ),
    Provider(
        "anthropic",
        "ANTHROPIC_API_KEY",
        "https://api.anthropic.com",
        dialect="anthropic_messages",
        auth="x-api-key",
        prices="anthropic",
        default_models=("claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5"),
        fixed_headers=((b"anthropic-version", b"2023-06-01"),),
    ),
    Provider(
        "google",
        "GEMINI_API_KEY",
        "https://generativelanguage.googleapis.com/v1beta",
        dialect="gemini",
        auth="x-goog-api-key",
        prices="google",
        default_models=("gemini-3.1-pro-preview", "gemini-3.5-flash", "gemini-3.5-flash-lite"),
        tier_header=b"x-gemini-service-tier",
    ),
    # https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION/publishers/google
    Provider(
        "vertex",
        None,
        None,
        dialect="gemini",
        auth="google",
        prices="google",
        tier_request_header=b"x-vertex-ai-llm-shared-request-type",
        own_hosts=r"(?:[a-z0-9-]+-)?aiplatform\.googleapis\.com|aiplatform\.[a-z0-9-]+\.rep\.googleapis\.com",
    ),
    # https://bedrock-runtime.REGION.amazonaws.com
    # Other hosts below amazonaws.com are customers'.
    Provider(
        "bedrock",
        "AWS_BEARER_TOKEN_BEDROCK",
        None,
        dialect="bedrock",
        auth="aws",
        prices="aws",
        own_hosts=(
            r"bedrock-runtime(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
            r"|vpce-[a-z0-9-]+\.bedrock-runtime\.[a-z0-9-]+\.vpce\.amazonaws\.com"
        ),
    ),
    Provider(
        "mistral",
        "MISTRAL_API_KEY",
        "https://api.mistral.ai/v1",
        prices="mistral",
        default_models=("mistral-large-2512", "mistral-medium-3-5", "mistral-small-2603"),
        stream_options=False,
        extensions=False,
        thinking="none",
        document_urls=True,
        renames=_OLD_LIMIT | {"seed": "random_seed"},
        rejects=_OPENAI_ONLY | {"user"},
    ),
    Provider(
        "deepseek",
        "DEEPSEEK_API_KEY",
        "https://api.deepseek.com",
        prices="deepseek",
        default_models=("deepseek-v4-pro", "deepseek-v4-flash"),
        thinking="switch",
        thoughts_with_calls=True,
        renames=_OLD_LIMIT,
        rejects=_OPENAI_ONLY,
    ),
    Provider(
        "xai",
        "XAI_API_KEY",
        "https://api.x.ai/v1",
        prices="x-ai",
        default_models=("grok-4.3", "grok-4-1-fast-reasoning", "grok-4-1-fast-non-reasoning"),
        rejects=frozenset(("verbosity",)),
    ),
    Provider(
        "alibaba",
        "DASHSCOPE_API_KEY",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        prices="alibaba",
        default_models=("qwen3-max", "qwen-plus", "qwen3-coder-plus"),
        thinking="qwen",
        renames=_OLD_LIMIT,
        rejects=_OPENAI_ONLY,
    ),
    Provider(
        "cohere",
        "COHERE_API_KEY",
        "https://api.cohere.com",
        dialect="cohere",
        prices="cohere",
        default_models=("command-a-03-2025", "command-r7b-12-2024"),
    ),
    Provider(
        "groq",
        "GROQ_API_KEY",
        "https://api.groq.com/openai/v1",
        prices="groq",
        default_models=("openai/gpt-oss-120b", "openai/gpt-oss-20b", "llama-3.3-70b-versatile"),
        rejects=frozenset(("store", "safety_identifier", "prompt_cache_retention", "verbosity")),
        extensions=False,
    ),
    Provider(
        "together",
        "TOGETHER_API_KEY",
        "https://api.together.xyz/v1",
        prices="together",
        default_models=("openai/gpt-oss-120b", "meta-llama/Meta-Llama-3.3-70B-Instruct-Turbo"),
        renames=_OLD_LIMIT,
        rejects=_OPENAI_ONLY,
    ),
    Provider(
        "openrouter",
        "OPENROUTER_API_KEY",
        "https://openrouter.ai/api/v1",
        prices="openrouter",
        default_models=("qwen/qwen3-max", "qwen/qwen3-32b", "qwen/qwen-plus"),
        thinking="openrouter",
    ),
    Provider(
        "fireworks",
        "FIREWORKS_API_KEY",
        "https://api.fireworks.ai/inference/v1",
        prices="fireworks",
        default_models=("accounts/fireworks/models/gpt-oss-120b", "accounts/fireworks/models/gpt-oss-20b"),
        renames=_OLD_LIMIT,
        rejects=_OPENAI_ONLY,
    ),
    Provider(
        "ollama",
        "OLLAMA_API_KEY",
        "http://127.0.0.1:11434/v1",
        renames=_OLD_LIMIT,
        rejects=_OPENAI_ONLY,
    ),
    Provider(
        "vllm",
        "VLLM_API_KEY",
        "http://127.0.0.1:8000/v1",
        rejects=frozenset(("store", "service_tier", "verbosity")),
    ),
    Provider("openai-compatible", None, None, renames=_OLD_LIMIT, rejects=_OPENAI_ONLY),
)

PROVIDERS: Mapping[str, Provider] = {row.name: row for row in _ROWS}


def provider_named(name: str) -> Provider | None:
    return PROVIDERS.get(name)
