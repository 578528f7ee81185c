"""The configuration reference names every field with its default, and no field that there isn't."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from adapters.dialects import DIALECTS
from adapters.providers import PROVIDERS
from proxy.config import (
    ApiKeyConfig,
    ArmConfig,
    Capability,
    ObjectiveConfig,
    PriceConfig,
    ProviderConfig,
    RouteConfig,
    ServerConfig,
    TimeoutConfig,
)

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

SECTIONS: dict[str, type[BaseModel]] = {
    "[server]": ServerConfig,
    "[[server.api_keys]]": ApiKeyConfig,
    "[timeouts]": TimeoutConfig,
    "[[arms]]": ArmConfig,
    "[providers.NAME]": ProviderConfig,
    "[prices.NAME]": PriceConfig,
    "[routes.NAME]": RouteConfig,
    "objective": ObjectiveConfig,
}


def told(section: str) -> dict[str, str]:
    """Returns the fields that a section of the reference names, with what it says is the default."""
    part = TEXT.split(f"## `{section}`\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", part, re.MULTILINE))


def default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "`{}`"
    return f"`{json.dumps(value)}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_stands_there_with_its_default(section: str) -> None:
    fields = dict(SECTIONS[section].model_fields)
    if section == "[[arms]]":  # which points to [prices.NAME] for these
        fields = {name: field for name, field in fields.items() if name not in PriceConfig.model_fields}
    assert told(section) == {name: default(field.default) for name, field in fields.items()}


def test_dialects_and_capabilities_are_all_named() -> None:
    for name in (*Capability.__args__, *(d for d in DIALECTS if d != "openai_completions")):
        assert f"`{name}`" in TEXT


def test_the_readme_names_the_keys_of_all_providers_that_it_should() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([A-Z]+_API_KEY)`", readme) if name != "MERITORDER_API_KEY"}
    assert named <= {row.key_env for row in PROVIDERS.values()}
