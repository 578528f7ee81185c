"""A request as the parser reads it, and as the learner sees it."""

from __future__ import annotations

from dataclasses import dataclass

from bandit.arrays import FloatArray


@dataclass(slots=True, init=False)
class Context:
    """What the learner sees of a request.

    x      (DIMENSION,), float64 with float32 values
    task   name of the kind of work, with the ends of the text that are to be counted (`tasks.with_ends`)
    """

    x: FloatArray
    task: str

    def __init__(self, x: FloatArray, task: str) -> None:
        self.x = x
        self.task = task


@dataclass(slots=True, init=False)
class RequestFacts:
    """What the parser read.

    route            name that was asked for, a route's or a model's
    task             the caller's word for the kind of work, or None
    system, text     system prompt, and the last user turn
    characters       length of the whole prompt
    turns            messages of the conversation
    has_tools, has_images, has_schema, has_audio
    max_tokens       longest answer that is asked for, or None
    """

    route: str
    task: str | None
    system: str
    text: str
    characters: int
    turns: int
    has_tools: bool
    has_images: bool
    has_schema: bool
    max_tokens: int | None
    has_audio: bool

    def __init__(
        self,
        route: str,
        task: str | None,
        system: str,
        text: str,
        characters: int,
        turns: int,
        has_tools: bool,
        has_images: bool,
        has_schema: bool,
        max_tokens: int | None,
        has_audio: bool = False,
    ) -> None:
        self.route = route
        self.task = task
        self.system = system
        self.text = text
        self.characters = characters
        self.turns = turns
        self.has_tools = has_tools
        self.has_images = has_images
        self.has_schema = has_schema
        self.max_tokens = max_tokens
        self.has_audio = has_audio
