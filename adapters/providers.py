"""The providers: where they are, how they are spoken to, and what each does differently.

A new OpenAI-compatible provider is one row here and one test case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Provider:
    """One row.

    key_env         environment variable of the API key
    prices          the provider's id in genai-prices
    dialect         see `adapters.dialects`
    auth            header that carries the key: "bearer" or the header's name
    stream_options  takes `stream_options.include_usage`; one that doesn't sends usage unasked
    default_models  served when only the key is set
    """

    name: str
    base_url: str | None
    key_env: str | None
    prices: str
    dialect: str = "openai_chat"
    auth: str = "bearer"
    extra_headers: tuple[tuple[str, str], ...] = ()
    stream_options: bool = True
    default_models: tuple[str, ...] = ()

    def headers(self, key: str | None) -> list[tuple[bytes, bytes]]:
        """Returns the request headers, the key's included."""
        headers = [(b"content-type", b"application/json"), (b"user-agent", b"meritorder")]
        headers += [(name.encode(), value.encode()) for name, value in self.extra_headers]
        if key:
            if self.auth == "bearer":
                headers.append((b"authorization", b"Bearer " + key.encode()))
            else:
                headers.append((self.auth.encode(), key.encode()))
        return headers


_ROWS = (
    Provider(
        "openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "openai",
        default_models=("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4.1", "gpt-4.1-mini"),
    ),
    Provider(
        "anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", "anthropic",
        dialect="anthropic_messages", auth="x-api-key", extra_headers=(("anthropic-version", "2023-06-01"),),
        default_models=("claude-sonnet-4-5", "claude-haiku-4-5", "claude-opus-4-5"),
    ),
    Provider(
        "google", "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY", "google",
        dialect="gemini", auth="x-goog-api-key",
        default_models=("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ),
    Provider(
        "deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "deepseek",
        default_models=("deepseek-chat", "deepseek-reasoner"),
    ),
    Provider(
        "xai", "https://api.x.ai/v1", "XAI_API_KEY", "x-ai",
        default_models=("grok-4", "grok-3-mini"),
    ),
    Provider(
        "mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "mistral", stream_options=False,
        default_models=("mistral-large-latest", "mistral-medium-latest", "mistral-small-latest"),
    ),
    Provider(
        "alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", "openrouter",
        default_models=("qwen-max", "qwen-plus", "qwen-turbo"),
    ),
    Provider(
        "cohere", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY", "cohere",
        default_models=("command-a-03-2025",),
    ),
    Provider(
        "groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "groq",
        default_models=("llama-3.3-70b-versatile", "llama-3.1-8b-instant"),
    ),
    Provider(
        "together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "together",
        default_models=("meta-llama/Llama-3.3-70B-Instruct-Turbo",),
    ),
    Provider(
        "fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "fireworks",
        default_models=("accounts/fireworks/models/deepseek-v3p1",),
    ),
    Provider(
        "openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "openrouter",
        default_models=(
            "openai/gpt-5-mini", "anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash",
            "deepseek/deepseek-chat", "qwen/qwen3-235b-a22b", "meta-llama/llama-3.3-70b-instruct",
        ),
    ),
    Provider("azure", None, "AZURE_OPENAI_API_KEY", "azure", auth="api-key"),
    Provider("ollama", "http://127.0.0.1:11434/v1", None, "ollama"),
    Provider("vllm", "http://127.0.0.1:8000/v1", None, "vllm"),
    Provider("openai-compatible", None, None, ""),
)  # fmt: skip

PROVIDERS: Mapping[str, Provider] = MappingProxyType({row.name: row for row in _ROWS})


def provider_named(name: str) -> Provider | None:
    """Returns the row of `name`."""
    return PROVIDERS.get(name)
