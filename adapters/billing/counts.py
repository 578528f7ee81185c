"""Counts that a bill can be made of, whatever was reported: what is missing is estimated, what contradicts is cut."""

from __future__ import annotations

from collections.abc import Callable

from adapters.canonical import Usage

MOST_HIDDEN_TOKENS = 1_000_000
"""More tokens than any model spends on thoughts that it doesn't show."""


def size_of(text: str) -> int:
    """Returns the bytes of `text` in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def settle(
    usage: Usage, prompt_tokens: Callable[[], int], content_bytes: int, bytes_per_token: float
) -> None:
    """Makes the counts of an answer whole, in place. `prompt_tokens` estimates the request's. A count of zero is
    believed only of an answer without content.
    """
    if usage.estimated:
        return
    counted = usage.input is not None or usage.output is not None
    if not counted and (usage.seconds is not None or usage.characters is not None):
        return  # not billed by tokens
    if not usage.input:
        usage.input = prompt_tokens()
        usage.estimated = True
    if not usage.output or usage.output > content_bytes + MOST_HIDDEN_TOKENS:
        usage.output = round(content_bytes / bytes_per_token) or (1 if content_bytes else 0)
        usage.estimated = usage.estimated or content_bytes > 0
    _fit(usage, usage.input, usage.output)


def _fit(usage: Usage, given: int, made: int) -> None:
    """Cuts what is part of `given` tokens of the prompt, or of `made` ones of the answer, to no more than that."""
    if usage.cached is not None:
        usage.cached = min(usage.cached, given)
    if usage.cache_write_1h and (usage.cache_write or 0) < usage.cache_write_1h:
        usage.cache_write = usage.cache_write_1h
    if usage.cache_write is not None:
        usage.cache_write = min(usage.cache_write, given - (usage.cached or 0))
        if usage.cache_write_1h is not None:
            usage.cache_write_1h = min(usage.cache_write_1h, usage.cache_write)
    if usage.reasoning is not None:
        usage.reasoning = min(usage.reasoning, made)
    if usage.input_audio or usage.input_image or usage.input_video:
        _fit_prompt_media(usage, given)
    else:
        usage.cached_audio = usage.cached_image = None
    if not (usage.output_audio or usage.output_image or usage.output_video or usage.citation):
        return
    rest = made - (usage.reasoning or 0)
    usage.output_audio, rest = _part(usage.output_audio, rest)
    usage.output_image, rest = _part(usage.output_image, rest)
    usage.output_video, rest = _part(usage.output_video, rest)
    usage.citation, rest = _part(usage.citation, rest)


def _fit_prompt_media(usage: Usage, given: int) -> None:
    rest = given
    usage.input_audio, rest = _part(usage.input_audio, rest)
    usage.input_image, rest = _part(usage.input_image, rest)
    usage.input_video, rest = _part(usage.input_video, rest)
    read = usage.cached or 0
    if usage.cached_audio is not None:
        usage.cached_audio = min(usage.cached_audio, usage.input_audio or 0, read)
        read -= usage.cached_audio
    if usage.cached_image is not None:
        usage.cached_image = min(usage.cached_image, usage.input_image or 0, read)
    # Where more was read from the cache than there is text, it was sound and images too, though nobody said so.
    media = (usage.input_audio or 0) + (usage.input_image or 0) + (usage.input_video or 0)
    read = (
        (usage.cached or 0) + (usage.cache_write or 0) - (usage.cached_audio or 0) - (usage.cached_image or 0)
    )
    if (excess := read + media - given) > 0:
        heard = min(excess, (usage.input_audio or 0) - (usage.cached_audio or 0))
        usage.cached_audio = (usage.cached_audio or 0) + heard
        usage.cached_image = (usage.cached_image or 0) + min(
            excess - heard, (usage.input_image or 0) - (usage.cached_image or 0)
        )


def _part(number: int | None, whole: int) -> tuple[int | None, int]:
    """Returns a part of `whole`, and what is left of it."""
    if number is None:
        return None, whole
    number = min(number, max(whole, 0))
    return number, whole - number


def merged(before: Usage | None, after: Usage) -> Usage:
    """Returns the counts of one answer that were reported twice: counters run on, so that the larger is the later one,
    and a block of zeros after the right one takes nothing back.
    """
    if before is None:
        return after
    after.input = _larger(before.input, after.input)
    after.output = _larger(before.output, after.output)
    after.cached = _larger(before.cached, after.cached)
    after.cache_write = _larger(before.cache_write, after.cache_write)
    after.cache_write_1h = _larger(before.cache_write_1h, after.cache_write_1h)
    after.reasoning = _larger(before.reasoning, after.reasoning)
    after.input_audio = _larger(before.input_audio, after.input_audio)
    after.output_audio = _larger(before.output_audio, after.output_audio)
    after.cached_audio = _larger(before.cached_audio, after.cached_audio)
    after.input_image = _larger(before.input_image, after.input_image)
    after.output_image = _larger(before.output_image, after.output_image)
    after.cached_image = _larger(before.cached_image, after.cached_image)
    after.input_video = _larger(before.input_video, after.input_video)
    after.output_video = _larger(before.output_video, after.output_video)
    after.citation = _larger(before.citation, after.citation)
    after.uses = before.uses if after.uses is None else after.uses
    after.tier = after.tier or before.tier
    after.speed = after.speed or before.speed
    after.geography = after.geography or before.geography
    if after.cost_usd is None:
        after.cost_usd = before.cost_usd
    if after.reported_usd is None:
        after.reported_usd = before.reported_usd
    return after


def _larger(before: int | None, after: int | None) -> int | None:
    if before is None or after is None:
        return before if after is None else after
    return max(before, after)
