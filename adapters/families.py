"""What the families of models can do: data, looked up by a model's bare name.

A family that isn't here is believed to read and write text and nothing else, until the configuration says more.
"""

from __future__ import annotations

import re
from functools import lru_cache

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

# (pattern of the bare name, family, abilities, largest output in tokens); the first that fits counts. From the
# vendors' model pages; newer generations of a family inherit what the last one could do. Models with open weights have
# no limit here, as each host sets its own.
_FAMILIES: tuple[tuple[re.Pattern[str], str, frozenset[str], int | None], ...] = tuple(
    (re.compile(pattern), family, abilities, limit)
    for pattern, family, abilities, limit in (
        (r"embed|voyage|\bbge-(?!reranker)|\be5-|\bgte-|\bember-1", "embedding", _NONE, None),
        (r"rerank", "reranker", _NONE, None),
        (r"whisper|transcribe|\basr\b|speech-to-text", "transcription", _NONE, None),
        (r"\btts\b|text-to-speech|\borpheus|kokoro|^eleven_", "speech", _NONE, None),
        (r"moderation|guard|content-safety|distilbert", "guard", _NONE, None),
        (r"\bocr\b|paddleocr", "ocr", frozenset((IMAGES,)), None),
        (r"realtime|\blive\b", "realtime", _NONE, None),
        (r"dall-e|\bimagen\b|\bveo\b|\blyria", "media", _NONE, None),
        (r"gpt-[5-9](?:\.\d+)?-image|gpt-image|chatgpt-image", "gpt-image", frozenset((IMAGES,)), None),
        (r"gpt-4o.*audio|gpt-audio", "gpt-audio", frozenset((TOOLS, AUDIO)), 16_384),
        (r"gpt-oss", "gpt-oss", _TJR, None),
        (r"gpt-[5-9].*chat|^gpt-chat-latest$", "gpt-5-chat", _TIJ, 16_384),
        (r"gpt-([5-9])|^gpt-(?:mini-)?latest$", "gpt-5", _ALL, 128_000),
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
        (r"\bphi-?\d|^phi", "phi", _NONE, None),
        (r"codex-mini", "codex-mini", _ALL, 100_000),
        (r"^(?:text-)?(?:ada|babbage|curie|davinci)(?:-\d+)?$", "gpt-3", _NONE, 4_096),
        (r"^palm-2|text-bison", "palm-2", _NONE, None),
        (r"titan-text", "titan", _NONE, None),
        (r"deepseek-(?:coder|prover)", "deepseek-coder", _NONE, None),
        (r"deepseek-(?:pro|flash)-latest", "deepseek-v4", _T | {REASONING}, None),
        (r"r1-1776|mai-ds-r1", "deepseek-r1", frozenset((REASONING,)), None),
        (r"autoglm", "glm-v", frozenset((IMAGES,)), None),
        (r"glm-z1", "glm-z1", frozenset((REASONING,)), None),
        (r"^glm-(?:flash-)?latest", "glm", _T | {REASONING}, None),
        (r"moonshot-v1", "moonshot", _T, None),
        (r"nemotron.*(?:vl|omni)", "nemotron-vl", frozenset((TOOLS, IMAGES, REASONING)), None),
        (r"nemotron", "nemotron", _T | {REASONING}, None),
        (r"hermes-4", "hermes", _T | {REASONING}, None),
        (r"hermes|capybara", "hermes-2", _NONE, None),
        (r"ernie.*vl", "ernie-vl", frozenset((IMAGES, REASONING)), None),
        (r"ernie", "ernie", _NONE, None),
        (r"granite-[3-9]", "granite", _T, None),
        (r"jamba", "jamba", _T, None),
        (r"lfm-?\d.*thinking", "lfm", frozenset((REASONING,)), None),
        (r"\blfm-?\d", "lfm", _NONE, None),
        (r"\bling-\d.*vl", "ling-vl", frozenset((TOOLS, IMAGES)), None),
        (r"\bling-\d", "ling", _T, None),
        (r"\bring-\d", "ring", _T | {REASONING}, None),
        (r"mimo-v\d", "mimo", _T | {REASONING}, None),
        (r"mercury", "mercury", _TJ, None),
        (r"olmo.*think", "olmo", frozenset((REASONING,)), None),
        (r"olmo", "olmo", _NONE, None),
        (r"molmo|moondream|internvl|perceptron-mk", "vision", frozenset((IMAGES,)), None),
        (r"ui-tars", "ui-tars", frozenset((IMAGES,)), None),
        (r"\baya-", "aya", _NONE, None),
        (r"palmyra-x", "palmyra", _T, None),
        (r"reka-flash-3", "reka", frozenset((REASONING,)), None),
        (r"\breka\b", "reka", _NONE, None),
        (r"\bseed-\d", "seed", frozenset((TOOLS, IMAGES, REASONING)), None),
        (r"solar-(?:pro|mini)", "solar", _T, None),
        (r"solar", "solar-1", _NONE, None),
        (r"sonar.*(?:reasoning|deep-research)", "sonar-reasoning", frozenset((JSON_SCHEMA, REASONING)), None),
        (r"\bsonar", "sonar", frozenset((JSON_SCHEMA,)), None),
        (r"\bstep-\d", "step", _T | {REASONING}, None),
        (r"trinity.*thinking", "trinity", _T | {REASONING}, None),
        (r"trinity|virtuoso|caller-large", "arcee", _T, None),
        (r"arcee|coder-large|maestro-reasoning|spotlight", "arcee", _NONE, None),
        (r"intellect-3|cogito", "open-reasoning", _T | {REASONING}, None),
        (r"kat-coder|longcat|\brnj-1|openhands", "open-coder", _T, None),
        (r"hunyuan|\bhy[34]\b|\bhy-mt", "hunyuan", _NONE, None),
        (r"inflection-3", "inflection", _NONE, None),
        (r"\baion-\d", "aion", frozenset((REASONING,)), None),
        (r"baichuan-m2|apriel.*thinker|dictalm.*thinking", "open-reasoning", frozenset((REASONING,)), None),
        (r"apertus|eurollm|bielik|\balia-|sarvam|plamo|indictrans|m2m100", "regional", _NONE, None),
        (r"\byi-", "yi", _NONE, None),
        (r"wizardlm", "wizardlm", _NONE, None),
        (r"vicuna|alpaca|zephyr|openchat|platypus|redpajama|stripedhyena|xwin", "early-open", _NONE, None),
        (r"euryale|lunaris|stheno|hanami|electra-r1|fimbulvetr", "roleplay-llama", _NONE, None),
        (
            r"mytho|noromaid|remm-slerp|airoboros|chronos|goliath|midnight-rose|rogue-rose|toppy",
            "roleplay-llama",
            _NONE,
            None,
        ),
        (r"magnum|celeste|starcannon|inferor|sorcerer", "roleplay-mistral", _NONE, None),
        (r"anubis|cydonia|rocinante|skyfall|unslopnemo|valkyrie", "roleplay-drummer", _NONE, None),
        (r"^morph-v|relace-apply", "code-apply", _NONE, None),
    )
)

# Models that answer no chat: they turn text into vectors, verdicts, sound or pictures, or sound into text.
_NO_CHAT = re.compile(
    r"embed|voyage|\bember-1|rerank|moderation|guard|content-safety|distilbert|\bocr\b|\blyria|^eleven_|\btts\b|text-to-speech|whisper|transcribe|speech-to-text|\basr\b|realtime|kokoro"
    r"|\borpheus|\bbge-|\be5-|\bgte-|dall-e|gpt-image|chatgpt-image|\bimagen\b|\bveo\b|stable-diffusion|\bflux"
    r"|^(?:text-)?(?:ada|babbage|curie|davinci)(?:-\d+)?$|native-audio|\blive\b"
)


@lru_cache(maxsize=4096)
def chats(name: str) -> bool:
    """Returns whether a model of this name answers chats; a name that reveals nothing counts as one that does."""
    return _NO_CHAT.search(name.lower().rsplit("/", 1)[-1]) is None


@lru_cache(maxsize=4096)
def family_of(name: str) -> tuple[str, frozenset[str], int | None]:
    """Returns (family, abilities, largest output); ("", nothing, None) for a name that reveals nothing."""
    bare = name.lower().rsplit("/", 1)[-1]
    for pattern, family, abilities, limit in _FAMILIES:
        if pattern.search(bare):
            return family, abilities, limit
    return "", _NONE, None
