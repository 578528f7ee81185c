"""Every model that genai-prices knows, with what is known of its family's abilities.

The abilities are data below; a family that isn't there is believed to read and write text and nothing else,
until the configuration says more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo

from adapters.pricing import Price, find_model, price_of

TOOLS = "tools"
IMAGES = "images"
JSON_SCHEMA = "json_schema"
REASONING = "reasoning"
AUDIO = "audio"

_T = frozenset((TOOLS,))
_TJ = frozenset((TOOLS, JSON_SCHEMA))
_TIJ = _TJ | {IMAGES}
_TJR = _TJ | {REASONING}
_ALL = _TIJ | {REASONING}
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Model:
    """One model at one provider (a genai-prices id). Token counts are None where nobody says."""

    provider: str
    name: str
    family: str
    context_window: int | None
    max_output: int | None
    capabilities: frozenset[str]
    price: Price | None


# (pattern of the bare name, family, abilities, largest output in tokens); the first that fits counts. From the
# vendors' model pages; newer generations of a family inherit what the last one could do. Models with open weights have
# no limit here, as each host sets its own.
_FAMILIES: tuple[tuple[re.Pattern[str], str, frozenset[str], int | None], ...] = tuple(
    (re.compile(pattern), family, abilities, limit)
    for pattern, family, abilities, limit in (
        (r"embed|rerank|moderation|tts|whisper|transcribe|guard|ocr|dall-e|realtime|live", "", _NONE, None),
        (r"gpt-[5-9](?:\.\d+)?-image|gpt-image|chatgpt-image", "gpt-image", frozenset((IMAGES,)), None),
        (r"gpt-4o.*audio|gpt-audio", "gpt-audio", frozenset((TOOLS, AUDIO)), 16_384),
        (r"gpt-oss", "gpt-oss", _TJR, None),
        (r"gpt-[5-9].*chat", "gpt-5-chat", _TIJ, 16_384),
        (r"gpt-([5-9])", "gpt-5", _ALL, 128_000),
        (r"gpt-4\.1", "gpt-4.1", _TIJ, 32_768),
        (r"gpt-4o|chatgpt-4o", "gpt-4o", _TIJ, 16_384),
        (r"gpt-4-(?:turbo|vision)", "gpt-4-turbo", frozenset((TOOLS, IMAGES)), 4_096),
        (r"gpt-4", "gpt-4", _T, 8_192),
        (r"gpt-3\.5-turbo-instruct", "gpt-3.5-instruct", _NONE, 4_096),
        (r"gpt-3\.5", "gpt-3.5", _T, 4_096),
        (r"\bo1-(?:mini|preview)", "o1-mini", frozenset((REASONING,)), 65_536),
        (r"\bo3-mini", "o-mini", _TJR, 100_000),
        (r"\bo[134]\b", "o", _ALL, 100_000),
        (r"claude-(?:instant|v?[12]\b)", "claude-2", _NONE, 4_096),
        (r"claude-3-(?:opus|sonnet|haiku)", "claude-3", frozenset((TOOLS, IMAGES)), 4_096),
        (r"claude-3[.-]5", "claude-3.5", frozenset((TOOLS, IMAGES)), 8_192),
        (r"claude-3[.-]7", "claude-3.7", frozenset((TOOLS, IMAGES, REASONING)), 64_000),
        (r"claude.*haiku", "claude-haiku", _ALL, 64_000),
        (r"claude.*sonnet", "claude-sonnet", _ALL, 64_000),
        (r"claude-opus-4-?[6-9]|claude-opus-4\.[6-9]|claude-opus-[5-9]", "claude-opus", _ALL, 128_000),
        (r"claude-opus-4[.-]5", "claude-opus", _ALL, 64_000),
        (r"claude.*opus", "claude-opus", _ALL, 32_000),
        (r"claude", "claude", _ALL, 32_000),
        (r"gemini.*(?:image|banana)", "gemini-image", frozenset((IMAGES,)), 32_768),
        (r"gemini-(?:pro$|1\.0)", "gemini-1", _T, 8_192),
        (r"gemini.*(?:1\.5|2\.0)", "gemini-1.5", _TIJ | {AUDIO}, 8_192),
        (r"gemini.*flash", "gemini-flash", _ALL | {AUDIO}, 65_536),
        (r"gemini.*pro", "gemini-pro", _ALL | {AUDIO}, 65_536),
        (r"gemini", "gemini", _TIJ, 8_192),
        (r"gemma-(?:[3-9]|3n)", "gemma", frozenset((IMAGES,)), None),
        (r"gemma", "gemma-2", _NONE, None),
        (r"deepseek.*distill", "deepseek-distill", frozenset((REASONING,)), None),
        (r"deepseek.*(?:r1|reasoner)", "deepseek-r1", _T | {REASONING}, None),
        (r"deepseek-(?:v?4|flash)", "deepseek-v4", _T | {REASONING}, None),
        (r"deepseek.*(?:v3|chat)", "deepseek-v3", _T, None),
        (r"grok-2-vision|grok-vision", "grok-vision", frozenset((TOOLS, IMAGES)), None),
        (r"grok-3-mini", "grok-3-mini", _TJR, None),
        (r"grok-[23]", "grok-3", _TJ, None),
        (r"grok-4.*non-reasoning", "grok-4-fast", _TIJ, None),
        (r"grok-[4-9]", "grok-4", _ALL, None),
        (r"grok", "grok", _T, None),
        (r"magistral", "magistral", _TJR, 40_960),
        (r"pixtral", "pixtral", _TIJ, None),
        (r"voxtral", "voxtral", frozenset((TOOLS, AUDIO)), None),
        (
            r"mistral-(?:small-(?:3\.[12]|2\d{3}|latest)|medium-(?:3|latest)|large-(?:2512|[4-9]))",
            "mistral",
            _TIJ,
            None,
        ),
        (
            r"mistral-(?:small|medium|large|nemo)|ministral|mixtral-8x22b|codestral|devstral",
            "mistral",
            _TJ,
            None,
        ),
        (r"mistral|mixtral", "mistral-7b", _NONE, None),
        (r"qwen.*omni", "qwen-omni", frozenset((TOOLS, IMAGES, AUDIO)), None),
        (r"qwen.*vl|qvq", "qwen-vl", frozenset((IMAGES,)), None),
        (r"qwen.*coder", "qwen-coder", _T, None),
        (r"qwq", "qwq", frozenset((TOOLS, REASONING)), None),
        (r"qwen-?3|qwen-(?:plus|max|turbo|flash)", "qwen3", frozenset((TOOLS, REASONING)), None),
        (r"qwen", "qwen", _T, None),
        (r"command-a|command-r", "command", _TJ, 8_192),
        (r"command", "command-1", _NONE, 4_096),
        (r"llama-?4", "llama-4", frozenset((TOOLS, IMAGES)), None),
        (r"llama-?(?:v)?3(?:\.|p|-)2-(?:11|90)b|llama.*vision", "llama-vision", frozenset((IMAGES,)), None),
        (r"llama-?(?:v)?3(?:\.|p|-)[13]", "llama-3", _T, None),
        (r"llama", "llama", _NONE, None),
        (r"kimi-k2p?\.?5|kimi-k[3-9]", "kimi", _TIJ, None),
        (r"kimi", "kimi", _T, None),
        (r"glm-\d.*v\b", "glm-v", frozenset((TOOLS, IMAGES, REASONING)), None),
        (r"glm-?[4-9]", "glm", frozenset((TOOLS, REASONING)), None),
        (r"minimax", "minimax", frozenset((TOOLS, REASONING)), None),
        (r"nova-(?:lite|pro|premier|2-lite)", "nova", frozenset((TOOLS, IMAGES)), 5_120),
        (r"nova", "nova-micro", _T, 5_120),
        (r"phi-(?:4-multimodal|3.*vision)", "phi-vision", frozenset((IMAGES,)), None),
        (r"phi", "phi", _NONE, None),
    )
)


# Models that answer no chat: they turn text into vectors, verdicts, sound or pictures, or sound into text.
_NO_CHAT = re.compile(
    r"embed|rerank|moderation|\btts\b|text-to-speech|whisper|transcribe|speech-to-text|\basr\b|realtime|kokoro"
    r"|\borpheus|\bbge-|\be5-|\bgte-|dall-e|gpt-image|chatgpt-image|\bimagen\b|\bveo\b|stable-diffusion|\bflux"
    r"|\b(?:davinci|babbage)-002|native-audio|-live\b"
)


@lru_cache(maxsize=4096)
def chats(name: str) -> bool:
    """Says whether a model of this name can be asked for a chat answer; a name that tells nothing can."""
    return _NO_CHAT.search(name.lower().rsplit("/", 1)[-1]) is None


def find(provider: str | None, name: str, at: float = 0.0) -> Model | None:
    """Returns what is known of a model; the price is that of epoch seconds `at`, by default the standard one.
    None for a provider without a list and for a model that isn't on it.
    """
    if provider is None:
        return None
    info = find_model(provider, name)
    return None if info is None else _model(provider, name, info, at)


def search(text: str = "", at: float = 0.0) -> list[Model]:
    """Returns the models whose "provider/name" holds `text`, whatever the case, sorted by that name."""
    wanted = text.lower()
    return [model for model in models(at) if wanted in f"{model.provider}/{model.name}".lower()]


def models(at: float = 0.0) -> Iterator[Model]:
    """Yields every model, sorted by provider and name."""
    for provider in sorted(get_snapshot().providers, key=lambda provider: provider.id):
        for info in sorted(provider.models, key=lambda info: info.id):
            yield _model(provider.id, info.id, info, at)


def _model(provider: str, name: str, info: ModelInfo, at: float) -> Model:
    family, abilities, limit = family_of(name)
    if limit is not None and info.context_window is not None:
        limit = min(limit, info.context_window)
    return Model(provider, name, family, info.context_window, limit, abilities, price_of(provider, name, at))


@lru_cache(maxsize=4096)
def family_of(name: str) -> tuple[str, frozenset[str], int | None]:
    """Returns (family, abilities, largest output); ("", nothing, None) for a name that tells nothing."""
    bare = name.lower().rsplit("/", 1)[-1]
    for pattern, family, abilities, limit in _FAMILIES:
        if pattern.search(bare):
            return family, abilities, limit
    return "", _NONE, None
