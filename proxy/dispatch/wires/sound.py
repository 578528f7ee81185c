"""A call whose answer may be of any content type: speech, or the transcript of a recording."""

from __future__ import annotations

from adapters.canonical import Usage
from adapters.dialect import CostOf
from adapters.dialects.openai_audio.form import Form
from adapters.dialects.openai_audio.tap import SoundTap
from adapters.errors import ProviderError
from proxy.arms.arm import Arm
from proxy.dispatch.relay import UNTYPED
from proxy.dispatch.wires.rewrite import rewrite
from proxy.dispatch.wires.wire import Outgoing
from proxy.routing.request import ClientRequest
from proxy.upstream import head_prefix


class SoundWire:
    """See `Wire`. `measured` is what was counted of the request before the call, seconds or characters; a `form` goes up
    as it came but for the model's name.
    """

    typed_by_upstream = True

    def __init__(self, request: ClientRequest, measured: Usage, form: Form | None = None) -> None:
        self.measured: Usage | None = measured
        self._request = request
        self._form = form
        self._speech = form is None
        self._tap: SoundTap | None = None
        self._type = UNTYPED

    @property
    def content_type(self) -> bytes:
        return b"Content-Type: %s\r\n" % self._type

    def expect(self, content_type: bytes) -> None:
        self._type = content_type
        if self._tap is not None:
            self._tap.expect(content_type)

    def outgoing(self, arm: Arm, cost_of: CostOf, dropped: list[str], without: frozenset[str]) -> Outgoing:
        del cost_of  # no answer shows it
        self._tap, self._type = SoundTap(speech=self._speech), UNTYPED
        request, form = self._request, self._form
        if form is None:
            body = rewrite(
                request.raw, request.document, arm=arm, ask_usage=False, dropped=dropped, without=without
            )
            return Outgoing(arm.head(stream=request.stream), body, self._tap)
        headers = (pair for pair in arm.headers if pair[0] != b"content-type")
        path = arm.path(stream=request.stream)
        head = head_prefix("POST", arm.endpoint, path, ((b"content-type", form.content_type), *headers))
        return Outgoing(head, form.with_model(arm.model), self._tap)

    def broken(self, error: ProviderError) -> bytes | None:  # noqa: ARG002  whatever it was
        """Sound has no words for an error: a cut connection is the only honest end of half an answer."""
        return None
