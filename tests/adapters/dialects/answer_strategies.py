"""Hypothesis strategies for whole answers, as merged events, within what a `Voice` can express."""

from __future__ import annotations

from hypothesis import strategies as st

from adapters.canonical import (
    Annotations,
    Finish,
    LogProbs,
    MediaDelta,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
    merge,
)
from tests.adapters.dialects.strategies import base64s, names, object_texts, words

LOGPROB = {"token": "a", "logprob": -1.5, "bytes": None, "top_logprobs": []}

# The order of a message that is one object.
FIELDS = (ReasoningDelta, TextDelta, RefusalDelta, Annotations, ToolCallStart | ToolCallDelta, LogProbs)


def rank(event):
    return next(place for place, kind in enumerate(FIELDS) if isinstance(event, kind))


@st.composite
def thoughts(draw, voice, number, choice):
    if voice.can("answer_redacted") and draw(st.booleans()):
        return [ReasoningDelta(redacted=draw(voice.seals()), choice=choice)]
    seal = draw(voice.maybe("answer_signature", voice.seals()))
    name = None if voice.can("answer_thought_unnamed") else f"rs_{number}"
    return [ReasoningDelta(draw(words), seal, id=name, choice=choice)]


@st.composite
def spoken(draw, voice, choice):
    events = [TextDelta(draw(words), choice)]
    if draw(voice.flag("answer_logprobs")):
        events.append(LogProbs((LOGPROB,), choice))
    if draw(voice.flag("answer_annotations")):
        events.append(Annotations((voice.annotation,), choice))
    return events


@st.composite
def calls(draw, voice, index, choice):
    signature = draw(voice.maybe("answer_call_signature", words.map(lambda word: f"gemini:{word}")))
    arguments = draw(words if voice.can("any_arguments") else object_texts)
    start = ToolCallStart(index, f"call_{choice}_{index}", draw(names), signature, choice)
    return [start, ToolCallDelta(index, arguments, choice)]


@st.composite
def blocks(draw, voice, choice):
    """Blocks in an order the dialect has: any, or thoughts, words and calls."""
    kinds = ["thought", "text", "call"]
    if voice.can("answer_media"):
        kinds.append("media")
    if voice.can("answer_opaque") and choice == 0:
        kinds.append("opaque")
    if voice.can("answer_interleaved"):
        order = draw(st.lists(st.sampled_from(kinds), max_size=6))
    else:
        order = [
            *draw(st.sampled_from([[], ["thought"]])),
            *draw(st.sampled_from([[], ["text"]])),
            *["call"] * draw(st.integers(0, 2)),
        ]
    events = []
    index = 0
    before = ""
    for number, kind in enumerate(order):
        # Two texts or two thoughts in a row are one.
        if kind in {"text", "thought"} and kind == before:
            continue
        before = kind
        match kind:
            case "thought":
                events += draw(thoughts(voice, number, choice))
            case "text":
                events += draw(spoken(voice, choice))
            case "call":
                events += draw(calls(voice, index, choice))
                index += 1
            case "media":
                events.append(MediaDelta("image", draw(base64s), "image/png", choice=choice))
            case "opaque":
                events.append(Opaque(voice.dialect.name, voice.opaque))
    return events, index


@st.composite
def usages(draw, voice):
    """Counts that fit together: what was cached is part of the input, what was thought of the output."""
    number = st.integers(0, 10**6)
    count = st.none() | number if voice.can("answer_unsaid_counts") else number
    cached = draw(count)
    written = draw(count) if voice.can("usage_cache_write") else None
    reasoning = draw(count) if voice.can("usage_reasoning") else None
    audio = voice.maybe("usage_audio", number)
    return Usage(
        input=draw(number) + (cached or 0) + (written or 0),
        output=draw(number) + (reasoning or 0),
        cached=cached,
        cache_write=written,
        reasoning=reasoning,
        input_audio=draw(audio),
        output_audio=draw(audio),
    )


@st.composite
def answers(draw, voice):
    events = [
        Start(
            draw(names) if voice.can("answer_id") else None,
            draw(names) if voice.can("answer_model") else None,
            draw(st.integers(1, 2**31)) if voice.can("answer_created") else None,
        )
    ]
    for choice in range(draw(st.integers(1, 2)) if voice.can("answer_choices") else 1):
        content, number_of_calls = draw(blocks(voice, choice))
        started = len(events)
        events += content
        stop = None
        if number_of_calls:
            reason = "tool_calls"
        else:
            reason = draw(st.sampled_from(["stop", "length", "content_filter"]))
            if reason == "content_filter" and draw(voice.flag("answer_refusal")):
                events.append(RefusalDelta(draw(words), choice))
        if not voice.can("answer_interleaved"):
            events[started:] = sorted(events[started:], key=rank)
        native = voice.finishes[reason]
        if reason == "stop" and draw(voice.flag("answer_stop_sequence")):
            native, stop = "stop_sequence", draw(words)
        events.append(Finish(reason, native, stop, choice))
    if not voice.can("answer_without_usage") or draw(st.booleans()):
        counts = draw(usages(voice))
        searches = sum(isinstance(e, Opaque) and e.raw.get("type") == "web_search_call" for e in events)
        counts.uses = {"web_search": searches} if searches else None  # which are counted by their items
        counts.tier = draw(voice.maybe("answer_tier", voice.tiers))
        events.append(UsageReport(counts))
    return merge(events)
