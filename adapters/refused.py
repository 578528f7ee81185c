"""Which feature of a request a provider refused, read from its words, and which features a request has.

Both are told in the same names, so that a refusal that was met once can be compared with the next request. A name is the
field of OpenAI's chat API, whatever the dialects call it, or what the conversation holds ("images").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from adapters.errors import ErrorKind, ProviderError

_NAMED = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("stream_options", r"stream_options"),
        ("temperature", r"\btemperature\b"),
        ("top_p", r"\btop_?p\b"),
        ("top_k", r"\btop_?k\b"),
        ("presence_penalty", r"presence_?penalty"),
        ("frequency_penalty", r"frequency_?penalty"),
        ("logit_bias", r"logit_?bias"),
        ("logprobs", r"log_?prob"),
        ("seed", r"\bseed\b"),
        ("n", r"['\"`]n['\"`]|\bn (?:must|should|is|>)|candidate_?count|multiple (?:choices|completions|candidates)"),
        ("stop", r"['\"`]stop['\"`]|stop[ _]?sequences?|\bstop (?:words?|parameter|is)\b"),
        ("max_tokens", r"max_(?:completion_|output_|new_)?tokens|max_?output_?tokens"),
        ("response_format", r"response[_ ]?(?:format|mime|schema)|json[_ ](?:schema|mode|object)|structured output|output_?format|grammar"),
        ("tool_choice", r"tool_?choice|function_?call(?:ing)?_?(?:config|mode)"),
        ("parallel_tool_calls", r"parallel[_ ](?:tool|function)"),
        ("tools", r"\btools?\b|function[ _]?call|\bfunctions?\b"),
        ("reasoning", r"reasoning|\bthinking|\beffort\b|budget_?tokens"),
        ("images", r"\bimages?\b|image_url|\bvision\b|multi-?modal"),
        ("audio", r"\baudio\b|input_audio|modalities"),
        ("files", r"\bdocuments?\b|\bpdf\b|\bfiles?\b"),
        ("prefill", r"\bprefill|(?:last|final) message|end with (?:a |an )?(?:user|assistant)"),
        ("developer", r"\bdeveloper\b"),
        ("system", r"\bsystem (?:prompt|message|role|instruction)|system_?instruction|role ['\"`]?system"),
        ("service_tier", r"service_?tier"),
        ("user", r"['\"`]user['\"`](?! (?:message|role|turn))|user_id"),
        ("metadata", r"\bmetadata\b"),
        ("store", r"['\"`]store['\"`]|\bstore:|: store\b"),
        ("prompt_cache_key", r"prompt_cache_key"),
        ("prompt_cache_retention", r"prompt_cache_retention"),
        ("safety_identifier", r"safety_identifier"),
        ("verbosity", r"verbosity"),
        ("cache_control", r"cache_control"),
        ("web_search_options", r"web_search"),
        ("prediction", r"\bprediction\b"),
        ("stream", r"\bstream(?:ing|ed)?\b"),
    )
)  # fmt: skip

_CANT = re.compile(
    r"unsupported|not supported|n[o']t (?:currently )?(?:support|available|allowed|permitted|enabled|compatible)|does not support"
    r"|n[o']t (?:be )?used (?:with|together)|not (?:both|recogni)|unrecogni[sz]ed|unknown (?:parameter|field|name|argument)"
    r"|unexpected (?:keyword|field|argument)|extra (?:inputs?|fields?)|extra_forbidden|additional properties"
    r"|only (?:the )?default|only supported|requires|cannot|can't|unavailable|deprecated|incompatible|no endpoints",
    re.IGNORECASE,
)

HARMLESS = frozenset(
    (
        "stream_options",
        "user",
        "metadata",
        "store",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "verbosity",
    )
)
"""Fields of a body that an arm can be asked without: the answer stays the same, or nearly so (see `portable.hints`)."""

_FIELDS = {
    "max_completion_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "top_logprobs": "logprobs",
    "reasoning_effort": "reasoning",
    "thinking": "reasoning",
    "output_config": "reasoning",
    "functions": "tools",
    "function_call": "tool_choice",
    "instructions": "system",
    "modalities": "audio",
    "text": "response_format",
}
_NO_FEATURES = frozenset(
    ("model", "messages", "input", "contents", "prompt", "max_tokens", "max_completion_tokens", "max_output_tokens")
)  # fmt: skip
_EMPTY: tuple[object, ...] = (None, False, [], {}, "")


def features_of(document: Mapping[str, object], held: Collection[str]) -> frozenset[str]:
    """Returns the names of what a body asks for; `held` are those of what its conversation holds."""
    features = {
        _FIELDS.get(name, name)
        for name, value in document.items()
        if name not in _NO_FEATURES and value not in _EMPTY
    }
    return frozenset(features.union(held))


def named(error: ProviderError) -> frozenset[str]:
    """Returns the names of the features that a refusal speaks of."""
    words = f"{error.param or ''} {error.message}"
    return frozenset(name for name, pattern in _NAMED if pattern.search(words))


def is_plain(error: ProviderError) -> bool:
    """Returns whether a refusal is of something that the arm can't do, rather than of a body that is wrong."""
    return error.kind is ErrorKind.INVALID_REQUEST and _CANT.search(error.message) is not None


def harmless_field(error: ProviderError) -> str | None:
    """Returns the field that a refusal is about, if the arm can be asked without it."""
    if not is_plain(error):
        return None
    names = named(error)
    return next((name for name in ("stream_options", *sorted(HARMLESS)) if name in names), None)
