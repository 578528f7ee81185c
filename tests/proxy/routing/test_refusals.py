"""What is remembered of refusals: for how long, of which requests, and what ends it."""

from __future__ import annotations

from adapters.errors import ErrorKind, ProviderError
from proxy.routing.refusals import REMEMBERED_S, Refusals

TOOLS = frozenset({"tools"})
PLAIN: frozenset[str] = frozenset()


def refusal(message: str, kind: ErrorKind = ErrorKind.INVALID_REQUEST) -> ProviderError:
    return ProviderError(kind, message, 400)


def test_a_named_feature_is_remembered_for_a_minute_and_for_requests_that_have_it() -> None:
    refusals = Refusals()
    assert refusals.refused(0, refusal("m does not support tools"), TOOLS | {"stream"}, 9, 100.0)
    assert refusals.reason(0, TOOLS, 9, 100.0 + REMEMBERED_S - 1) == "tools"
    assert refusals.reason(0, frozenset({"stream"}), 9, 101.0) is None
    assert refusals.reason(1, TOOLS, 9, 101.0) is None
    assert refusals.reason(0, TOOLS, 9, 100.0 + REMEMBERED_S) is None


def test_when_it_is_over_one_request_a_minute_asks_again() -> None:
    refusals = Refusals()
    refusals.refused(0, refusal("m does not support tools"), TOOLS, 9, 0.0)
    now = REMEMBERED_S + 5
    refusals.dispatched(0, TOOLS, 9, now)
    assert refusals.reason(0, TOOLS, 9, now + 1) == "tools"


def test_an_answer_ends_it() -> None:
    refusals = Refusals()
    refusals.refused(0, refusal("m does not support tools"), TOOLS, 9, 0.0)
    refusals.answered(0, frozenset({"stream"}), 9)
    assert refusals.reason(0, TOOLS, 9, 1.0) == "tools"
    refusals.answered(0, TOOLS, 9)
    assert refusals.reason(0, TOOLS, 9, 1.0) is None
    assert not refusals.any


def test_longer_prompts_than_one_that_did_not_fit_are_spared() -> None:
    refusals = Refusals()
    refusals.refused(0, refusal("too long", ErrorKind.CONTEXT_LENGTH), PLAIN, 9000, 0.0)
    assert refusals.reason(0, PLAIN, 9000, 1.0) == "prompts of 9000 tokens"
    assert refusals.reason(0, PLAIN, 8999, 1.0) is None
    refusals.answered(0, PLAIN, 8000)
    assert refusals.any


def test_unclear_words_tell_nothing_until_another_arm_answers() -> None:
    refusals = Refusals()
    assert not refusals.refused(0, refusal("Bad request"), TOOLS, 9, 0.0)
    assert not refusals.any
    refusals.proved(0, refusal("Bad request"), TOOLS, 0.0)
    assert refusals.reason(0, TOOLS, 9, 1.0) == "tools"


def test_one_text_alone_takes_no_arm_from_everybody() -> None:
    refusals = Refusals()
    refusals.proved(0, refusal("Bad request"), PLAIN, 0.0)
    assert not refusals.any
    refusals.answered(0, PLAIN, 9)
    refusals.proved(0, refusal("Bad request"), PLAIN, 1.0)
    assert not refusals.any
    refusals.proved(0, refusal("Bad request"), PLAIN, 2.0)
    assert refusals.reason(0, PLAIN, 9, 3.0) == "requests"


def test_a_field_that_changes_nothing_is_left_out_from_then_on() -> None:
    refusals = Refusals()
    error = refusal("Extra inputs are not permitted: stream_options")
    assert refusals.leave_out(0, error, frozenset({"stream_options"}), 0.0) == "stream_options"
    assert refusals.left_out(0, 1.0) == {"stream_options"}
    assert refusals.left_out(1, 1.0) == PLAIN
    assert (
        refusals.leave_out(0, error, frozenset({"stream_options"}), 1.0) is None
    )  # it was, and is refused still
    assert refusals.leave_out(1, error, PLAIN, 0.0) is None  # nobody sent it


def test_what_an_arm_is_spared_is_shown() -> None:
    refusals = Refusals()
    refusals.refused(0, refusal("m does not support tools"), TOOLS, 9, 0.0)
    refusals.leave_out(0, refusal("Unknown parameter: 'user'"), frozenset({"user"}), 0.0)
    assert refusals.state(0, 10.0) == [
        {"feature": "tools", "seconds_left": 50.0, "refusals": 1, "message": "m does not support tools"},
        {"feature": "user", "seconds_left": 3590.0, "left_out": True},
    ]
