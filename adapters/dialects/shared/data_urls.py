"""Data URLs: media inside a request in place of an address."""

from __future__ import annotations


def split_data_url(url: str) -> tuple[str, str] | None:
    """Returns (media type without parameters, base64 data) of a base64 data URL, None for every other URL. The type
    is "" where the URL names none.
    """
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    media_type, _, encoding = head.rpartition(";")
    if not comma or encoding != "base64":
        return None
    return media_type.partition(";")[0], data


def data_url(media_type: str | None, data: str, default: str) -> str:
    """Returns the URL of base64 `data`; `default` stands in for a type that nobody named."""
    return f"data:{media_type or default};base64,{data}"
