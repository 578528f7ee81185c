"""Hypothesis strategies for what OpenAI chat can express, one form per meaning."""

from __future__ import annotations

from hypothesis import strategies as st

from adapters.canonical import (
    Annotations,
    Finish,
    LogProbs,
    Media,
    Message,
    OutputFormat,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Request,
    Start,
    Text,
    TextDelta,
    Thinking,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolChoice,
    ToolResult,
    Usage,
    UsageReport,
)

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
cache = st.none() | st.just({"type": "ephemeral"})
texts = st.builds(Text, words, cache)
plain_texts = st.builds(Text, words)
base64s = st.sampled_from(["aGk=", "AAAA", "QUJD"])
media = st.one_of(
    st.builds(
        Media,
        st.just("image"),
        url=st.just("https://host/a.png"),
        detail=st.none() | st.just("low"),
        cache=cache,
    ),
    st.builds(Media, st.just("image"), data=base64s, media_type=st.sampled_from(["image/png", "image/webp"])),
    st.builds(Media, st.just("video"), url=st.just("https://host/a.mp4")),
    st.builds(Media, st.just("audio"), data=base64s, media_type=st.sampled_from(["audio/wav", "audio/mpeg"])),
    st.builds(Media, st.just("file"), file_id=words, name=st.none() | words),
    st.builds(Media, st.just("file"), data=base64s, media_type=st.just("application/pdf"), name=words),
)
objects = st.dictionaries(names, st.integers(0, 99) | words, max_size=3)
calls = st.builds(ToolCall, words, names, words, st.none() | words.map(lambda word: f"gemini:{word}"))
signed = st.lists(
    st.builds(Reasoning, words, words.map(lambda word: f"s{word}".replace(":", "."))), min_size=1, max_size=3
)
thoughts = st.one_of(st.just([]), st.builds(Reasoning, words).map(lambda thought: [thought]), signed)


@st.composite
def assistant_messages(draw):
    parts = [*draw(thoughts), *draw(st.lists(texts, max_size=2))]
    parts += [Refusal(word) for word in draw(st.lists(words, max_size=1))]
    return Message("assistant", tuple(parts + draw(st.lists(calls, max_size=3))))


messages = st.one_of(
    st.builds(
        Message, st.sampled_from(["system", "developer"]), texts.map(lambda part: (part,)), st.none() | names
    ),
    st.builds(
        Message,
        st.just("user"),
        st.lists(texts | media, min_size=1, max_size=3).map(tuple),
        st.none() | names,
    ),
    assistant_messages(),
    st.builds(
        ToolResult, words, st.lists(plain_texts, min_size=1, max_size=2).map(tuple), name=st.none() | names
    ).map(lambda result: Message("tool", (result,))),
)
tools = st.builds(Tool, names, st.none() | words, st.none() | objects, st.none() | st.booleans(), cache)
choices = st.one_of(
    st.builds(ToolChoice, st.sampled_from(["auto", "none", "required"])),
    st.builds(ToolChoice, st.just("one"), names),
)
formats = st.one_of(
    st.just(OutputFormat("json_object")),
    st.builds(
        OutputFormat, st.just("json_schema"), names, objects, st.none() | st.booleans(), st.none() | words
    ),
)
thinkings = st.one_of(
    st.just(Thinking(enabled=False)), st.builds(Thinking, effort=st.sampled_from(["low", "high"]))
)


@st.composite
def requests(draw):
    stream = draw(st.booleans())
    return Request(
        model=draw(names),
        messages=tuple(draw(st.lists(messages, min_size=1, max_size=4))),
        tools=tuple(draw(st.lists(tools, max_size=2))),
        tool_choice=draw(st.none() | choices),
        parallel_tool_calls=draw(st.none() | st.booleans()),
        max_tokens=draw(st.none() | st.integers(1, 9999)),
        temperature=draw(st.none() | st.floats(0, 2)),
        top_p=draw(st.none() | st.floats(0, 1)),
        top_k=draw(st.none() | st.integers(1, 99)),
        stop=tuple(draw(st.lists(words, max_size=3))),
        seed=draw(st.none() | st.integers(-(2**63), 2**63 - 1)),
        n=draw(st.none() | st.integers(1, 4)),
        presence_penalty=draw(st.none() | st.floats(-2, 2)),
        frequency_penalty=draw(st.none() | st.floats(-2, 2)),
        logit_bias=draw(st.none() | objects),
        logprobs=draw(st.none() | st.booleans()),
        top_logprobs=draw(st.none() | st.integers(0, 20)),
        output_format=draw(st.none() | formats),
        thinking=draw(st.none() | thinkings),
        service_tier=draw(st.none() | st.just("flex")),
        user=draw(st.none() | words),
        metadata=draw(st.none() | objects),
        cache_key=draw(st.none() | words),
        stream=stream,
        include_usage=stream and draw(st.booleans()),
        extras=draw(
            st.dictionaries(st.sampled_from(["store", "verbosity", "modalities"]), words, max_size=2)
        ),
        dialect="openai_chat",
    )


counts = st.none() | st.integers(0, 10**6)
usages = st.builds(
    Usage,
    input=st.integers(0, 10**6),
    output=st.integers(0, 10**6),
    cached=counts,
    cache_write=counts,
    reasoning=counts,
    input_audio=counts,
    output_audio=counts,
)


@st.composite
def answers(draw):
    """A whole answer as merged events: one choice after the other, as OpenAI's order is."""
    events = [Start(draw(words), draw(names), draw(st.integers(1, 2**31)))]
    for choice in range(draw(st.integers(1, 2))):
        if draw(st.booleans()):
            events.append(ReasoningDelta(draw(words), choice=choice))
        if draw(st.booleans()):
            events.append(TextDelta(draw(words), choice))
        if draw(st.booleans()):
            events.append(RefusalDelta(draw(words), choice))
        if draw(st.booleans()):
            events.append(Annotations(({"type": "url_citation"},), choice))
        number_of_calls = draw(st.integers(0, 2))
        for index in range(number_of_calls):
            signature = draw(st.none() | words.map(lambda word: f"gemini:{word}"))
            events.append(ToolCallStart(index, draw(words), draw(names), signature, choice))
            events.append(ToolCallDelta(index, draw(words), choice))
        if draw(st.booleans()):
            events.append(LogProbs(({"token": "a", "logprob": -1.5},), choice))
        reason = (
            "tool_calls" if number_of_calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
        )
        events.append(Finish(reason, reason, choice=choice))
    if draw(st.booleans()):
        events.append(UsageReport(draw(usages), draw(st.none() | st.just("default"))))
    return events
