"""What every wire dialect offers. Implementations are stateless modules-as-objects; decoders hold state.

Same dialect on both sides: the bytes pass, watched by a `Tap`. Otherwise: upstream bytes → `StreamDecoder`
→ canonical events → `StreamEncoder` → client bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from adapters.canonical import Event, Json, Request, Usage
from adapters.errors import ProviderError
from adapters.halves import Halves

CostOf = Callable[[Usage], float | None]
"""Dollars of a usage, None where the price is unknown."""


class StreamDecoder(Protocol):
    """Upstream stream bytes → events. Fed with any splitting of the bytes, it returns the same events."""

    halves: Halves  # reads its JSON; what it saw of characters in two halves is still to be joined
    done: bool  # has the dialect's end marker come? What follows it is no part of the answer

    def feed(self, data: bytes) -> list[Event]:
        """Returns the events that `data` completed. Raises ProviderError for an in-stream error."""
        ...

    def close(self) -> list[Event]:
        """Ends the input; returns what was held back. Raises Truncated if the answer isn't whole."""
        ...


class StreamEncoder(Protocol):
    """Events → the client's stream bytes."""

    def feed(self, events: Sequence[Event]) -> bytes: ...

    def close(self) -> bytes:
        """Returns the dialect's last bytes (such as `data: [DONE]`)."""
        ...

    def error(self, error: ProviderError) -> bytes:
        """Returns the dialect's own in-stream error, after which nothing follows."""
        ...


class Ordinary(NamedTuple):
    """How an event looks that a tap would let pass as it is, and learn nothing from: it begins with `head`, ends with
    `tail`, and its first line break after `head` stands `rest` bytes before its end. Where there is a `lead`, letters
    and digits stand before `tail`, as many as the server likes, and before them `lead`: some pad their events, so that
    nobody reads their lengths off the wire.
    """

    head: bytes
    tail: bytes
    rest: int
    lead: bytes = b""


class Tap(Protocol):
    """Watches bytes that pass through unparsed, and reads from them what the decision record needs."""

    id: str | None
    model: str | None
    usage: Usage | None
    finish: str | None
    content: bool  # has the first piece of content (text, reasoning, tool call) passed?
    done: bool  # has the dialect's end marker passed? What follows it is no part of the answer

    @property
    def said(self) -> int:
        """About how many bytes of content passed; also read while `feed` reads the counts."""
        ...

    @property
    def frame(self) -> int:
        """The number of bytes of an ordinary event that are no content."""
        ...

    @property
    def held(self) -> bool:
        """Whether all of the answer is held back until its end, so that `close` can judge it."""
        ...

    @property
    def ended(self) -> int:
        """The number of choices whose finish reason has come."""
        ...

    @property
    def ordinary(self) -> Ordinary | None:
        """The whole events that may go past `feed` until it is called again; None for none."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Returns what is to be sent on: nearly always `data` itself, the same object. Usage events gain the
        cost; usage-only chunks that the client didn't ask for are held back. Raises ProviderError for an
        in-stream error, `ProviderError.__notes__` empty, with nothing of the error event forwarded.
        """
        ...

    def close(self) -> bytes:
        """Ends the input; returns what was held back. Raises Truncated if the answer isn't whole."""
        ...


class Traits(NamedTuple):
    """What is peculiar to a dialect, where others must know it."""

    counts_on_request: bool = False
    """A stream tells its usage only if `stream_options` asks for it."""

    demands_max_tokens: bool = False
    """Every request names a limit, so a client can't leave it to the arm: a larger one than the arm has is lowered."""

    openai_family: bool = False
    """Its servers may offer OpenAI's other APIs beside it: embeddings, audio."""

    feature_header: str | None = None
    """The header by which clients switch on parts of the body; it goes on to servers of the same dialect."""

    long_context_feature: str = ""
    """What that header calls a window of a million tokens."""

    id_everywhere: bool = False
    """Every answer names its id, and so does each event of a stream, at its top."""

    model_in_path: bool = False
    """The path names the model and says whether to stream, and the body doesn't."""


class Dialect(Protocol):
    """One wire format, as spoken by servers and by clients."""

    name: str
    traits: Traits

    # -- towards a server
    def path(self, model: str, *, stream: bool) -> str:
        """Returns the path below the provider's base URL, with a leading slash."""
        ...

    def encode_request(self, request: Request) -> Json:
        """Returns the body. Raises Inexpressible."""
        ...

    def stream_decoder(self) -> StreamDecoder: ...

    def decode_answer(self, body: bytes) -> list[Event]:
        """Decodes a non-streamed answer. Raises ProviderError (a 200 with an error body too)."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """Never raises; header names are lower case."""
        ...

    # -- towards a client
    def decode_request(self, body: Json) -> Request:
        """Raises InvalidRequest naming the field."""
        ...

    def stream_encoder(self, request: Request, cost_of: CostOf) -> StreamEncoder: ...

    def encode_answer(self, events: Sequence[Event], request: Request, cost_of: CostOf) -> bytes: ...

    def encode_error(self, error: ProviderError) -> bytes:
        """Returns the body of an error answer whose status is `error.kind.status`."""
        ...

    # -- both at once
    def tap(self, *, stream: bool, keep_usage: bool, cost_of: CostOf) -> Tap: ...
