"""Where each dialect has the fields that limits are about, under the names of OpenAI's chat API."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.canonical import Json

Path = tuple[str, ...]


def _all(names: str, *above: str, **other: Path) -> Mapping[str, Path]:
    return {name: (*above, name) for name in names.split()} | other


_MORE = "additionalModelRequestFields"

PATHS: Mapping[str, Mapping[str, Path]] = {
    "openai_chat": _all(
        "temperature top_p presence_penalty frequency_penalty logprobs top_logprobs logit_bias n stop tools response_format",
        effort=("reasoning_effort",),
    ),
    "openai_responses": _all(
        "temperature top_p top_logprobs tools",
        effort=("reasoning", "effort"),
        max_tokens=("max_output_tokens",),
    ),
    "anthropic_messages": _all(
        "temperature top_p top_k max_tokens tool_choice thinking",
        stop=("stop_sequences",),
        effort=("output_config", "effort"),
        schema=("output_config", "format", "schema"),
    ),
    "bedrock": _all(
        "temperature",
        "inferenceConfig",
        top_p=("inferenceConfig", "topP"),
        max_tokens=("inferenceConfig", "maxTokens"),
        stop=("inferenceConfig", "stopSequences"),
        top_k=(_MORE, "top_k"),
        thinking=(_MORE, "thinking"),
        effort=(_MORE, "output_config", "effort"),
        tool_choice=("toolConfig", "toolChoice"),
        schema=("outputConfig", "textFormat", "structure", "jsonSchema", "schema"),
    ),
    "gemini": _all(
        "tools",
        stop=("generationConfig", "stopSequences"),
        json=("generationConfig", "responseMimeType"),
        budget=("generationConfig", "thinkingConfig", "thinkingBudget"),
        effort=("generationConfig", "thinkingConfig", "thinkingLevel"),
        thinking=("generationConfig", "thinkingConfig"),
    ),
    "cohere": _all("temperature", stop=("stop_sequences",)),
}


class Body:
    """A body under change: what is changed is copied, along the way to it alone."""

    __slots__ = ("_paths", "whole")

    def __init__(self, whole: Json, dialect: str) -> None:
        self.whole = whole
        self._paths = PATHS[dialect]

    def get(self, name: str) -> object:
        """Returns a field, None where the body or the dialect hasn't got it."""
        path = self._paths.get(name)
        inner: object = self.whole
        for step in path or ():
            inner = inner.get(step) if isinstance(inner, dict) else None
        return None if path is None else inner

    def put(self, name: str, value: object) -> None:
        """Sets a field, or takes it out (None)."""
        self.whole = _changed(self.whole, self._paths[name], value)


def _changed(raw: Json, path: Path, value: object) -> Json:
    step = path[0]
    changed = dict(raw)
    if len(path) > 1:
        below = raw.get(step)
        inner = _changed(below if isinstance(below, dict) else {}, path[1:], value)
        if inner:
            changed[step] = inner
        else:
            changed.pop(step, None)
    elif value is None:
        changed.pop(step, None)
    else:
        changed[step] = value
    return changed
