"""Hypothesis strategies for requests and answers, one form per meaning, within what a dialect can express.

A `Voice` says what that is: `lacks` names each feature that is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson
from hypothesis import strategies as st

from adapters.canonical import (
    BuiltinTool,
    Json,
    Media,
    Message,
    Opaque,
    OutputFormat,
    Reasoning,
    RefusalText,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from adapters.dialect import Dialect

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
base64s = st.sampled_from(["aGk=", "AAAA", "QUJD"])
objects = st.dictionaries(names, st.integers(0, 99) | words, min_size=1, max_size=3)
schemas = st.builds(lambda properties: {"type": "object", "properties": properties}, objects)
object_texts = objects.map(lambda given: orjson.dumps(given).decode())
images = st.builds(
    Media, st.just("image"), data=base64s, media_type=st.sampled_from(["image/png", "image/webp"])
)

MEDIA = {
    "image_data": images,
    "image_url": st.just(Media("image", url="https://host/a.png")),
    "image_url_typed": st.just(Media("image", url="https://host/a.png", media_type="image/png")),
    "image_detail": st.just(Media("image", url="https://host/a.png", detail="low")),
    "image_file_id": st.just(Media("image", file_id="file-1")),
    "audio_data": st.builds(
        Media, st.just("audio"), data=base64s, media_type=st.sampled_from(["audio/wav", "audio/mpeg"])
    ),
    "video_data": st.builds(Media, st.just("video"), data=base64s, media_type=st.just("video/mp4")),
    "video_url": st.just(Media("video", url="https://host/a.mp4")),
    "file_data": st.builds(Media, st.just("file"), data=base64s, media_type=st.just("application/pdf")),
    "file_data_named": st.builds(
        Media, st.just("file"), data=base64s, media_type=st.just("application/pdf"), name=names
    ),
    "file_url": st.just(Media("file", url="https://host/a.pdf")),
    "file_url_typed": st.just(Media("file", url="https://host/a.pdf", media_type="application/pdf")),
    "file_id": st.builds(Media, st.just("file"), file_id=names),
    "file_id_named": st.builds(Media, st.just("file"), file_id=names, name=names),
}
SETTINGS = {
    "temperature": st.floats(0, 1),
    "top_p": st.floats(0, 1),
    "top_k": st.integers(1, 99),
    "seed": st.integers(0, 2**31 - 1),
    "n": st.integers(1, 4),
    "presence_penalty": st.floats(-2, 2),
    "frequency_penalty": st.floats(-2, 2),
    "logit_bias": objects,
    "user": words,
    "metadata": objects,
    "cache_key": words,
}
REQUEST_FEATURES = frozenset(
    {
        *MEDIA,
        *SETTINGS,
        "annotated_text",
        "any_arguments",
        "bare_thought",
        "builtin_tool",
        "cache_of_media",
        "cache_of_result",
        "cache_of_system",
        "cache_of_text",
        "cache_of_tool",
        "call_item_id",
        "call_signature",
        "choice_none",
        "choice_one",
        "choice_auto",
        "developer",
        "extras",
        "format_description",
        "format_name",
        "format_object",
        "format_strict",
        "interleaved_parts",
        "limit_unsaid",
        "logprobs",
        "logprobs_off",
        "message_name",
        "opaque",
        "parallel_tool_calls",
        "parallel_without_choice",
        "redacted_thought",
        "refusal",
        "result_error",
        "result_media",
        "result_name",
        "result_texts",
        "result_unnamed",
        "service_tier",
        "signed_thought",
        "stop",
        "system_between",
        "system_texts",
        "temperature_above_1",
        "thought_id",
        "tool_schema_unsaid",
        "tool_strict",
        "top_logprobs",
        "usage_unasked",
    }
)
ANSWER_FEATURES = frozenset(
    {
        "answer_annotations",
        "answer_call_signature",
        "answer_choices",
        "answer_created",
        "answer_id",
        "answer_interleaved",
        "answer_logprobs",
        "answer_media",
        "answer_model",
        "answer_opaque",
        "answer_redacted",
        "answer_refusal",
        "answer_signature",
        "answer_stop_sequence",
        "answer_thought_unnamed",
        "answer_tier",
        "answer_unsaid_counts",
        "answer_without_usage",
        "usage_audio",
        "usage_cache_write",
        "usage_reasoning",
    }
)
FEATURES = REQUEST_FEATURES | ANSWER_FEATURES


@dataclass(frozen=True, repr=False)
class Voice:
    """What a dialect can express: everything but `lacks` (feature → why), in these words of its own."""

    dialect: Dialect
    lacks: Mapping[str, str]
    thinkings: st.SearchStrategy
    finishes: Mapping[str, str]
    vendor: str = ""
    models: st.SearchStrategy = names
    tiers: st.SearchStrategy = field(default_factory=lambda: st.just("default"))
    format_names: st.SearchStrategy = names
    annotation: Json | None = None
    builtin: Json | None = None
    opaque: Json | None = None
    extra: str = ""

    def __repr__(self) -> str:
        return self.dialect.name

    def can(self, feature: str) -> bool:
        assert feature in FEATURES
        return feature not in self.lacks

    def maybe(self, feature: str, strategy: st.SearchStrategy) -> st.SearchStrategy:
        return st.none() | strategy if self.can(feature) else st.none()

    def flag(self, feature: str) -> st.SearchStrategy:
        return st.booleans() if self.can(feature) else st.just(False)

    def seals(self) -> st.SearchStrategy:
        """Signatures of this dialect's vendor; without a vendor they carry no tag."""
        tag = f"{self.vendor}:" if self.vendor else ""
        return words.map(
            lambda word: f"{tag}s{word}".replace(":s", ":") if tag else f"s{word}".replace(":", ".")
        )

    def cache(self, feature: str) -> st.SearchStrategy:
        return self.maybe(feature, st.just({"type": "ephemeral"}))


def texts(voice: Voice, cache: str = "cache_of_text") -> st.SearchStrategy:
    return st.builds(Text, words, voice.cache(cache))


@st.composite
def media(draw, voice):
    kind = draw(st.sampled_from([kind for kind in MEDIA if voice.can(kind)]))
    made = draw(MEDIA[kind])
    cached = voice.can("cache_of_media") and draw(st.booleans())
    if not cached:
        return made
    return replace(made, cache={"type": "ephemeral"})


@st.composite
def thoughts(draw, voice):
    """Either plain words, or sealed blocks: a server gives one or the other."""
    kinds = []
    if voice.can("signed_thought"):
        kinds.append(st.builds(Reasoning, words, voice.seals(), id=voice.maybe("thought_id", names)))
    if voice.can("redacted_thought"):
        kinds.append(st.builds(Reasoning, redacted=voice.seals()))
    if voice.can("bare_thought") and (not kinds or draw(st.booleans())):
        return draw(st.lists(st.builds(Reasoning, words), max_size=1))
    return draw(st.lists(st.one_of(kinds), max_size=2))


@st.composite
def assistant_messages(draw, voice, first_call, number_of_calls):
    parts = list(draw(thoughts(voice)))
    spoken = texts(voice)
    if voice.can("annotated_text"):
        spoken |= st.builds(Text, words, annotations=st.just((voice.annotation,)))
    parts += draw(st.lists(spoken, max_size=2))
    if draw(voice.flag("refusal")):
        parts.append(RefusalText(draw(words)))
    if draw(voice.flag("opaque")):
        parts.append(Opaque(voice.dialect.name, voice.opaque))
    for number in range(first_call, first_call + number_of_calls):
        arguments = draw(words if voice.can("any_arguments") else object_texts)
        signature = draw(voice.maybe("call_signature", words.map(lambda word: f"gemini:{word}")))
        item_id = draw(voice.maybe("call_item_id", st.just(f"fc_{number}")))
        parts.append(ToolCall(f"call_{number}", draw(names), arguments, signature, item_id))
    parts = parts or [Text(draw(words))]
    if draw(voice.flag("interleaved_parts")):
        parts = draw(st.permutations(parts))
    return Message("assistant", tuple(parts), draw(voice.maybe("message_name", names)))


@st.composite
def results(draw, voice, number):
    content = [Text(draw(words))]
    if draw(voice.flag("result_texts")):
        content.append(Text(draw(words)))
    if draw(voice.flag("result_media")):
        content.append(draw(images))
    named = draw(names) if not voice.can("result_unnamed") else draw(voice.maybe("result_name", names))
    result = ToolResult(
        f"call_{number}",
        tuple(content),
        draw(voice.flag("result_error")),
        named,
        draw(voice.cache("cache_of_result")),
    )
    return Message("tool", (result,))


@st.composite
def conversations(draw, voice):
    """Turns as they follow each other: a user's words, then calls with their results, then an answer."""
    messages = []
    name = voice.maybe("message_name", names)
    system = texts(voice, "cache_of_system")
    if draw(st.booleans()):
        role = "developer" if draw(voice.flag("developer")) else "system"
        parts = draw(st.lists(system, min_size=1, max_size=2 if voice.can("system_texts") else 1))
        messages.append(Message(role, tuple(parts), draw(name)))
    calls = 0
    for _ in range(draw(st.integers(1, 2))):
        parts = draw(st.lists(texts(voice) | media(voice), min_size=1, max_size=3))
        messages.append(Message("user", tuple(parts), draw(name)))
        if draw(voice.flag("system_between")):
            messages.append(Message("system", (Text(draw(words)),)))
        for number in draw(st.lists(st.integers(1, 3), max_size=2)):
            messages.append(draw(assistant_messages(voice, calls, number)))
            messages += [draw(results(voice, call)) for call in range(calls, calls + number)]
            calls += number
        if draw(st.booleans()):
            messages.append(draw(assistant_messages(voice, calls, 0)))
    return tuple(messages)


@st.composite
def tools(draw, voice):
    """What the server runs itself stands first; the order means nothing."""
    own = [BuiltinTool(voice.dialect.name, voice.builtin)] if draw(voice.flag("builtin_tool")) else []
    schema = st.none() | schemas if voice.can("tool_schema_unsaid") else schemas
    strict = voice.maybe("tool_strict", st.booleans())
    made = st.builds(Tool, names, st.none() | words, schema, strict, voice.cache("cache_of_tool"))
    return (*own, *draw(st.lists(made, max_size=2)))


@st.composite
def choices(draw, voice, offered):
    """A choice among no tools means nothing, so there is none."""
    functions = [tool.name for tool in offered if isinstance(tool, Tool)]
    modes = ["required", *(mode for mode in ("auto", "none") if voice.can(f"choice_{mode}"))]
    if voice.can("choice_one"):
        modes.append("one")
    if not functions or draw(st.booleans()):
        return None
    mode = draw(st.sampled_from(modes))
    return ToolChoice(mode, draw(st.sampled_from(functions)) if mode == "one" else None)


@st.composite
def formats(draw, voice):
    if voice.can("format_object") and draw(st.booleans()):
        return OutputFormat("json_object")
    return OutputFormat(
        "json_schema",
        draw(voice.format_names) if voice.can("format_name") else None,
        draw(schemas),
        draw(voice.maybe("format_strict", st.booleans())),
        draw(voice.maybe("format_description", words)),
    )


@st.composite
def requests(draw, voice):
    """Whole requests; how many probabilities are wanted is said only with wanting them."""
    settings = {name: draw(voice.maybe(name, strategy)) for name, strategy in SETTINGS.items()}
    if voice.can("temperature_above_1") and draw(st.booleans()):
        settings["temperature"] = draw(st.floats(1, 2))
    if voice.can("logprobs"):
        settings["logprobs"] = draw(
            st.sampled_from([None, True, *([False] if voice.can("logprobs_off") else [])])
        )
        settings["top_logprobs"] = (
            draw(voice.maybe("top_logprobs", st.integers(1, 20))) if settings["logprobs"] else None
        )
    offered = draw(tools(voice))
    choice = draw(choices(voice, offered))
    chosen = choice is not None and choice.mode != "none"
    stream = draw(st.booleans())
    unasked = voice.can("usage_unasked")
    return Request(
        model=draw(voice.models),
        messages=draw(conversations(voice)),
        tools=offered,
        tool_choice=choice,
        parallel_tool_calls=draw(voice.maybe("parallel_tool_calls", st.booleans()))
        if chosen or voice.can("parallel_without_choice")
        else None,
        max_tokens=draw(
            st.none() | st.integers(1, 9999) if voice.can("limit_unsaid") else st.integers(1, 9999)
        ),
        stop=tuple(draw(st.lists(words, max_size=3))) if voice.can("stop") else (),
        output_format=draw(st.none() | formats(voice)),
        thinking=draw(st.none() | voice.thinkings),
        service_tier=draw(voice.maybe("service_tier", voice.tiers)),
        stream=stream,
        include_usage=stream and draw(st.booleans()) if unasked else True,
        extras=draw(st.just({}) | st.builds(lambda given: {voice.extra: given}, objects)),
        dialect=voice.dialect.name,
        **settings,
    )
