"""`POST /v1/arms`, `DELETE /v1/arms/{arm}`, `PUT` and `DELETE /v1/prices/{arm}`: what an operator changes while traffic flows."""

from __future__ import annotations

import time
from urllib.parse import unquote

from pydantic import ValidationError

from proxy.arms.prices import stated
from proxy.arms.registry import ArmExistsError, PriceMissingError
from proxy.config import ArmConfig, ConfigError, PriceChange, describe
from proxy.endpoints.endpoint_request import EndpointRequest
from proxy.gateway import Gateway
from proxy.ingress.errors import Refusal, not_found, unprocessable
from proxy.ingress.reply import Reply, json_reply
from proxy.routing.body import read_json


async def add_arm(asked: EndpointRequest) -> Reply:
    """Adds an arm; it takes part in the next decision."""
    gateway = asked.gateway
    _, document = await read_json(asked.http)
    try:
        config = ArmConfig.model_validate(document)
    except ValidationError as error:
        raise _wrong(error) from None
    try:
        arm = await gateway.registry.add(config, asked.principal.owner)
    except ArmExistsError:
        raise Refusal(
            409, f"There is an arm {config.name!r} already.", param="name", code="arm_exists"
        ) from None
    except ConfigError as error:
        raise unprocessable(str(error), error.field or "base_url") from None
    await gateway.peers.follow()
    return json_reply({"arm": arm.name, "model": arm.model, "provider": arm.provider}, 201)


async def remove_arm(asked: EndpointRequest) -> Reply:
    """Removes an arm that was added through the API; calls under way end as they would."""
    gateway, name = asked.gateway, unquote(asked.rest)
    if name in gateway.registry.configured:
        raise Refusal(
            409,
            f"The arm {name!r} comes from the configuration or from a provider's key: take it out there.",
            param="arm",
            code="arm_configured",
        )
    try:
        await gateway.registry.remove(name, asked.principal.owner)
    except KeyError:
        raise not_found(f"There is no arm {name!r}.", code="arm_not_found", param="arm") from None
    await gateway.peers.follow()
    return json_reply({"arm": name, "removed": True})


async def set_price(asked: EndpointRequest) -> Reply:
    """Sets the price of an arm over configuration and catalogue, field by field; the next decision uses it."""
    gateway, name = asked.gateway, unquote(asked.rest)
    if not await gateway.registry.knows(name):
        raise _unknown(name)
    _, document = await read_json(asked.http)
    try:
        price = PriceChange.model_validate(document)
    except ValidationError as error:
        raise _wrong(error) from None
    if price.until is not None and price.until <= time.time():
        raise unprocessable("`until` is over already.", "until")
    if stated(price).empty:
        raise unprocessable(
            "`input_usd_per_mtok` is missing, or any other field of a price.", "input_usd_per_mtok"
        )
    try:
        await gateway.registry.set_price(name, price, asked.principal.owner)
    except PriceMissingError as error:
        raise unprocessable(
            f"`{error}` is missing: no price of {name!r} is known beside.", str(error)
        ) from None
    await gateway.peers.follow()
    return _price(gateway, name)


async def undo_price(asked: EndpointRequest) -> Reply:
    """Removes the price that the API set: that of configuration and catalogue holds again."""
    gateway, name = asked.gateway, unquote(asked.rest)
    try:
        undone = await gateway.registry.undo_price(name, asked.principal.owner)
    except KeyError:
        raise _unknown(name) from None
    if not undone:
        raise not_found(f"The API set no price of {name!r}.", code="price_not_found", param="arm")
    await gateway.peers.follow()
    return _price(gateway, name)


def _price(gateway: Gateway, name: str) -> Reply:
    arm = gateway.arms.by_name[name]
    return json_reply(
        {
            "arm": name,
            "price_version": arm.price.version,
            "source": arm.price_source,
            "until": arm.price_until,
            "known": arm.priced,
        }
    )


def _unknown(name: str) -> Refusal:
    return not_found(f"There is no arm {name!r}.", code="arm_not_found", param="arm")


def _wrong(error: ValidationError) -> Refusal:
    where = ".".join(str(part) for part in error.errors()[0]["loc"])
    return Refusal(422, describe(error), param=where or None)
