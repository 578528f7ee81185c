"""An arm that a request adds gets none of the gateway's secrets, reaches no metadata service, and has a sane price."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from state.records import ArmPrice
from tests.proxy.provider import Provider, polite
from tests.proxy.running import Launch

SECRETS = {
    "SOME_SECRET": "db-password-hunter2",
    "AWS_SECRET_ACCESS_KEY": "aws-wJalrXUtnFEMI",
    "OPENAI_API_KEY": "sk-openai-own",
    "CONFIGURED": "sk-ant-configured",
}


def arm(server: Provider, /, **more: Any) -> dict[str, Any]:
    return {"name": "mine", "model": "mine", "base_url": server.url + "/mine", **more}


def leaked(provider: Provider) -> list[str]:
    sent = b"".join(exchange.head + exchange.raw for exchange in provider.seen)
    return [name for name, value in SECRETS.items() if value.encode() in sent]


@pytest.mark.parametrize(
    "fields",
    [
        *({"api_key_env": name} for name in SECRETS),
        {"provider": "openai"},
        {"provider": "openai", "api_key_env": "OPENAI_API_KEY"},
        {"parameters": {"user": "${SOME_SECRET}"}, "family": "${SOME_SECRET}"},
        {"api_key": "${SOME_SECRET}"},
        {"api_key_file": "/etc/hostname"},
        {"provider": "bedrock"},
        {"provider": "vertex"},
    ],
)
async def test_no_field_of_an_added_arm_brings_a_secret_to_an_address_of_its_own(
    launch: Launch, provider: Provider, fields: dict[str, Any]
) -> None:
    provider.scripts["mine"] = polite
    own = provider.arm("good", api_key_env="CONFIGURED")
    del own["api_key"]
    environment = SECRETS | {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_REGION": "eu-west-1"}
    gateway = await launch(own, environment=environment)
    status, error, _ = await gateway.post("/v1/arms", arm(provider, **fields))
    await gateway.chat(model="mine")
    assert leaked(provider) == []
    if "parameters" in fields:
        assert status == 201  # braces are nothing but text there
        assert provider.seen[-1].json["user"] == "${SOME_SECRET}"
    else:
        assert status == 422
        assert error["error"]["param"] in {*fields, "base_url"}


async def test_an_arm_of_an_older_version_that_names_such_a_variable_is_said_and_not_served(
    launch: Launch, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider.scripts["mine"] = polite
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(provider.arm("good"), server=server)
    assert (await first.post("/v1/arms", arm(provider)))[0] == 201
    await first.close()
    with sqlite3.connect(tmp_path / "a.db") as stranger:
        stranger.execute("UPDATE arms SET config = json_set(config, '$.api_key_env', 'SOME_SECRET')")
    stranger.close()
    again = await launch(provider.arm("good"), server=server, environment=SECRETS)
    assert (await again.chat(model="mine"))[0] == 404
    assert (await again.chat())[0] == 200
    assert leaked(provider) == []
    assert "an arm that was added can't be served here: arm mine: a request may not have" in caplog.text
    async with again.session.delete(again.url + "/v1/arms/mine") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::ffff:a9fe:a9fe]", "0xa9fea9fe", "metadata.google.internal", "[fe80::1]"]
)
async def test_a_metadata_address_is_no_arm_whoever_names_it_unless_it_is_listed(
    launch: Launch, provider: Provider, host: str
) -> None:
    gateway = await launch(provider.arm("good"))
    url = f"http://{host}/v1"
    status, error, _ = await gateway.post("/v1/arms", arm(provider, base_url=url))
    assert (status, error["error"]["param"]) == (422, "base_url")
    assert "server.allowed_addresses" in error["error"]["message"]
    with pytest.raises(Exception, match="arm mine: base_url: .* list it in server.allowed_addresses"):
        await launch(arm(provider, base_url=url))
    listed = {"allowed_addresses": [host]}
    await launch(arm(provider, base_url=url), server=listed)


@pytest.mark.parametrize("price", [1e18, 1e308, 1e6 * 1.01, -1.0, "1e400"])
@pytest.mark.parametrize(
    "field", ["input_usd_per_mtok", "cache_write_usd_per_mtok", "request_usd", "speech_usd_per_mchar"]
)
async def test_a_price_out_of_bounds_is_refused_by_name(
    launch: Launch, provider: Provider, price: object, field: str
) -> None:
    gateway = await launch(provider.arm("good"))
    prices = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0, field: price}
    status, error, _ = await gateway.post("/v1/arms", arm(provider, **prices))
    assert (status, error["error"]["param"]) == (422, field)
    async with gateway.session.put(gateway.url + "/v1/prices/p%2Fgood", json=prices) as answer:
        assert (answer.status, (await answer.json())["error"]["param"]) == (422, field)


async def test_a_price_out_of_bounds_in_the_database_is_said_and_left_out(
    launch: Launch, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider.scripts["mine"] = polite
    server = {"database": str(tmp_path / "a.db")}
    first = await launch(provider.arm("good"), server=server)
    assert (await first.post("/v1/arms", arm(provider)))[0] == 201
    huge = {"input_usd_per_mtok": 1e308, "output_usd_per_mtok": 1e308}
    await first.gateway.store.change_price(ArmPrice("p/good", 1.0, huge))
    await first.close()
    with sqlite3.connect(tmp_path / "a.db") as stranger:
        config = {**arm(provider), **huge}
        prior = {"quality": None, "usd_per_mtok": 1e308, "model": "mine"}
        stranger.execute(
            "UPDATE arms SET config = ?, prior = ?",
            (orjson.dumps(config).decode(), orjson.dumps(prior).decode()),
        )
        stranger.execute("DELETE FROM snapshots")
    stranger.close()
    again = await launch(provider.arm("good"), server=server)
    assert "the price of p/good that the database holds can't be used: input_usd_per_mtok" in caplog.text
    assert "the price of mine that the database holds can't be used: input_usd_per_mtok" in caplog.text
    assert again.gateway.arms.by_name["p/good"].price.input == pytest.approx(1e-6)
    assert not again.gateway.arms.by_name["mine"].priced
    for _ in range(5):
        assert (await again.chat())[0] == 200
    _, listing = await again.get("/v1/arms")
    assert all(0.0 <= row["quality"]["mean"] <= 1.0 for row in listing["data"])
    assert all(row["cost"]["total_usd"] < 1.0 for row in listing["data"])
    assert "Traceback" not in caplog.text
