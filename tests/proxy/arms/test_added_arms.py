"""Which of the gateway's keys an arm that a request describes may be given, and where they go."""

from __future__ import annotations

import time
from typing import Any

import pytest

from proxy.arms.added_arms import KeyRules
from proxy.arms.arm import build
from proxy.config import ArmConfig, ConfigError

KEYS = {
    "OPENAI_API_KEY": "k1",
    "AZURE_OPENAI_API_KEY": "k2",
    "AWS_BEARER_TOKEN_BEDROCK": "k3",
    "ACME_KEY": "k4",
    "MERITORDER_API_KEY": "k5",
    "GIVEN_KEY": "k6",
    "ANTHROPIC_API_KEY": "k7",
}
CONFIGURED = [
    ArmConfig(name="g", model="m", base_url="http://127.0.0.1:9/given/v1", api_key_env="GIVEN_KEY"),
    ArmConfig(name="z", provider="azure", model="m", base_url="https://mine.openai.azure.com/openai/v1"),
]


def refused(listed: tuple[str, ...] = (), **fields: Any) -> str | None:
    """Returns the field at fault, None for an arm that is taken."""
    rules = KeyRules(listed, CONFIGURED, KEYS)
    try:
        rules.check(ArmConfig.model_validate({"name": "new", "model": "m", **fields}))
    except ConfigError as error:
        return error.field
    return None


MINE = "http://127.0.0.1:9/mine/v1"


@pytest.mark.parametrize("variable", [*KEYS, "HOME", "NOT_SET", "PATH"])
@pytest.mark.parametrize("listed", [(), ("OTHER_*",), ("acme_*",)])
def test_no_variable_goes_to_an_address_of_the_request(variable: str, listed: tuple[str, ...]) -> None:
    assert refused(listed, base_url=MINE, api_key_env=variable) == "api_key_env"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"provider": "openai"}, None),
        ({"provider": "openai", "base_url": "https://api.openai.com/v1"}, None),
        ({"provider": "openai", "base_url": "https://api.openai.com/v1/"}, None),
        ({"provider": "openai", "api_key_env": "OPENAI_API_KEY"}, None),
        ({"base_url": "https://api.openai.com/v1", "api_key_env": "OPENAI_API_KEY"}, None),
        ({"provider": "openai", "base_url": MINE}, "base_url"),
        ({"provider": "openai", "base_url": "http://api.openai.com/v1"}, "base_url"),
        ({"provider": "openai", "base_url": "https://api.openai.com:8443/v1"}, "base_url"),
        ({"provider": "openai", "base_url": "https://api.openai.com.evil.example/v1"}, "base_url"),
        ({"provider": "openai", "base_url": "https://api.openai.com/v1x"}, "base_url"),
        ({"provider": "openai", "base_url": "https://api.openai.com/v1/../v2"}, "base_url"),
        ({"provider": "openai", "base_url": "https://api.openai.com/v1/%2e%2e/v2"}, "base_url"),
        ({"provider": "anthropic", "base_url": "https://api.anthropic.com/"}, None),
        ({"provider": "anthropic", "base_url": "https://api.anthropic.com/v1"}, "base_url"),
        ({"provider": "anthropic", "api_key_env": "OPENAI_API_KEY"}, "api_key_env"),
        ({"provider": "azure", "base_url": "https://mine.openai.azure.com/openai/v1"}, None),
        ({"provider": "azure", "base_url": "https://other.openai.azure.com/openai/v1"}, "base_url"),
        ({"provider": "bedrock", "base_url": "https://bedrock-runtime.eu-west-1.amazonaws.com"}, None),
        ({"provider": "bedrock", "base_url": "https://evil.s3.amazonaws.com"}, "base_url"),
        ({"provider": "groq", "base_url": MINE}, None),  # no key of it is set, so none is sent
        ({"base_url": "http://127.0.0.1:9/given/v1", "api_key_env": "GIVEN_KEY"}, None),
        ({"base_url": "http://127.0.0.1:9/given/v1/more", "api_key_env": "GIVEN_KEY"}, "api_key_env"),
        ({"base_url": "http://127.0.0.1:9/given", "api_key_env": "GIVEN_KEY"}, "api_key_env"),
        ({"base_url": MINE}, None),
    ],
)
def test_a_providers_key_goes_to_its_own_address_alone(fields: dict[str, Any], field: str | None) -> None:
    assert refused((), **fields) == field


@pytest.mark.parametrize(
    ("listed", "variable", "taken"),
    [
        (("ACME_*",), "ACME_KEY", True),
        (("ACME_*",), "ACMEX", False),
        (("*",), "ACME_KEY", True),
        (("*",), "OPENAI_API_KEY", False),
        (("*",), "GIVEN_KEY", False),
        (("*",), "MERITORDER_API_KEY", False),
        (("*",), "AWS_SECRET_ACCESS_KEY", False),
        (("OPENAI_API_KEY",), "OPENAI_API_KEY", True),
    ],
)
def test_what_is_listed_may_go_anywhere_and_a_pattern_lists_no_key_that_has_a_place(
    listed: tuple[str, ...], variable: str, taken: bool
) -> None:
    assert (refused(listed, base_url=MINE, api_key_env=variable) is None) is taken


SIGNED = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "eu-west-1"}


@pytest.mark.parametrize(
    ("provider", "host", "taken"),
    [
        ("bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com", True),
        ("bedrock", "https://bedrock-runtime-fips.us-east-1.amazonaws.com", True),
        ("bedrock", "https://vpce-0a1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com", True),
        ("bedrock", "http://bedrock-runtime.eu-west-1.amazonaws.com", False),
        ("bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com:444", False),
        ("bedrock", "https://ec2-1-2-3-4.eu-west-1.compute.amazonaws.com", False),
        ("bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com.evil.example", False),
        ("bedrock", "http://127.0.0.1:9", False),
        ("bedrock", "https://given.example/bedrock", True),
        ("vertex", "https://europe-west4-aiplatform.googleapis.com/v1/projects/p", True),
        ("vertex", "https://aiplatform.googleapis.com/v1/projects/p", True),
        ("vertex", "https://storage.googleapis.com/evil", False),
        ("vertex", "http://127.0.0.1:9", False),
    ],
)
def test_the_machines_own_account_signs_for_its_vendor_or_what_the_configuration_names(
    provider: str, host: str, taken: bool
) -> None:
    given = ArmConfig(name="b", provider="bedrock", model="m", base_url="https://given.example/bedrock")
    rules = KeyRules(("*",), [given], SIGNED)
    config = ArmConfig(name="new", provider=provider, model="m", base_url=host)
    rules.check(config)
    arm = build(config, -1, SIGNED, time.time())
    assert arm.signer is not None
    if taken:
        rules.check_signer(config, arm)
        return
    with pytest.raises(ConfigError, match="signs for the vendor's hosts only") as raised:
        rules.check_signer(config, arm)
    assert raised.value.field == "base_url"
