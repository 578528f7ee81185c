from __future__ import annotations

import pytest

from adapters.dialects.shared.data_urls import data_url, split_data_url


@pytest.mark.parametrize(
    ("url", "inline"),
    [
        ("data:image/png;base64,aGk=", ("image/png", "aGk=")),
        ("data:image/png;charset=x;base64,aGk=", ("image/png", "aGk=")),
        ("data:;base64,aGk=", ("", "aGk=")),
        ("data:base64,aGk=", ("", "aGk=")),
        ("data:text/plain,a%20b", None),
        ("data:text/plain;base64", None),
        ("https://a.example/data:image/png;base64,aGk=", None),
    ],
)
def test_a_data_url_is_split(url: str, inline: tuple[str, str] | None) -> None:
    assert split_data_url(url) == inline


def test_media_without_a_type_get_the_default() -> None:
    assert data_url(None, "aGk=", "image/png") == "data:image/png;base64,aGk="
    assert data_url("image/gif", "aGk=", "image/png") == "data:image/gif;base64,aGk="
