"""Which keys an arm that is added through the API may use, and what of its own description is believed.

Keys of the gateway go only where the operator sends them. A request can name a variable and an address: so that it can't
have the one sent to the other, a variable that a provider's row or the configuration uses goes to that provider's address
alone, and any other must be listed in `server.arm_key_env`. Signatures and tokens of the machine's own account go to
their vendor's hosts alone.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from adapters.billing.price_list import price_of
from adapters.providers import PROVIDERS, Provider
from bandit import ArmPrior
from proxy.arms.arm import Arm
from proxy.arms.prices import stated
from proxy.config import ArmConfig, ConfigError
from proxy.upstream import Endpoint

_NEVER = ("MERITORDER_*", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""No provider's keys: who calls the gateway, and what only ever signs. A pattern doesn't list them, their name does."""


_WEAK = 4.0
"""Feedbacks that a claimed quality counts as. The operator's own counts some 15, so this one is contradicted soon."""


def doubted(config: ArmConfig, arm: Arm, now: float) -> Arm:
    """Returns an arm whose price nobody but a request vouches for, marked so unless it is the catalogue's own."""
    own = not stated(config).empty or config.catalogue_model is not None
    if arm.priced and not own and config.provider == arm.row.name:
        return arm
    return replace(arm, claimed=True, doubted=True, listed=price_of(arm.row.prices, arm.model, now))


def weak_prior(config: ArmConfig, arm: Arm, shown: float | None) -> ArmPrior:
    """Returns what is believed of an arm that describes itself. `shown` is the mean quality of the configured arms, None
    where there are none: no claim to be better than that is believed. Its price counts where the catalogue has it, its
    model's name at the provider's own address.
    """
    prior, listed = arm.prior, arm.listed
    usd_per_mtok = prior.usd_per_mtok
    if arm.claimed:
        usd_per_mtok = None if listed is None else (0.25 * listed.output + 0.75 * listed.input) * 1e6
    worse = prior.quality is not None and shown is not None and prior.quality < shown
    return replace(
        prior,
        quality=prior.quality if worse else None,
        strength=_WEAK if worse else None,
        model=prior.model if config.base_url is None else "",
        usd_per_mtok=usd_per_mtok,
    )


class KeyRules:
    """`listed` is `server.arm_key_env`, `configured` are the arms of file and environment. An address is one only with its
    path: what lies beside or below it may be somebody else's.
    """

    def __init__(
        self, listed: Sequence[str], configured: Iterable[ArmConfig], environment: Mapping[str, str]
    ) -> None:
        self._listed = listed
        self._environment = environment
        self._homes: dict[str, set[Endpoint]] = {}
        self._given: dict[str, set[Endpoint]] = {}
        for row in PROVIDERS.values():
            if row.key_env and row.base_url:
                self._home(self._homes, row.key_env, row.base_url)
            elif row.key_env:
                self._homes.setdefault(row.key_env, set())
        for arm in configured:
            own = PROVIDERS.get(arm.provider)
            base_url = arm.base_url or (own.base_url if own else None)
            if base_url is None:
                continue
            variable = arm.api_key_env or (own.key_env if own else None)
            if variable is not None and arm.api_key is None and arm.api_key_file is None:
                self._home(self._homes, variable, base_url)
            if own is not None and arm.base_url is not None:
                self._home(self._given, own.name, base_url)

    @staticmethod
    def _home(homes: dict[str, set[Endpoint]], name: str, base_url: str) -> None:
        try:
            homes.setdefault(name, set()).add(Endpoint.from_url(base_url.partition("?")[0]))
        except ValueError:  # `build` says so
            return

    def check(self, config: ArmConfig) -> None:
        """Raises ConfigError where a key would be given away; says nothing of which variables are set."""
        if config.api_key is not None or config.api_key_file is not None:
            raise ConfigError(
                "api_key can't be stored: name an environment variable of the gateway in api_key_env",
                "api_key",
            )
        row = PROVIDERS.get(config.provider)
        base_url = config.base_url or (row.base_url if row else None)
        if base_url is None:
            return  # `build` says so
        try:
            endpoint = Endpoint.from_url(base_url.partition("?")[0])
        except ValueError as error:
            raise ConfigError(f"arm {config.name}: {error}") from None
        if config.api_key_env is not None:
            self._check_named(config, config.api_key_env, row, endpoint)
            return
        key = row.key_env if row is not None else None
        if key and self._environment.get(key) and not self._at_home(key, row, endpoint):
            raise ConfigError(
                f"arm {config.name}: the key of {config.provider} doesn't go to an address that a request names: "
                f"leave base_url out, give it in [providers.{config.provider}] of the configuration file, or name "
                "another provider for a server of your own",
                "base_url",
            )

    def _check_named(
        self, config: ArmConfig, variable: str, row: Provider | None, endpoint: Endpoint
    ) -> None:
        if variable in self._listed or self._at_home(variable, row, endpoint):
            return
        if variable in self._homes:
            raise ConfigError(
                f"arm {config.name}: the variable {variable} goes to the address of its own provider only, not to the "
                "base_url of a request: add the arm in the configuration file, or list the variable by its full name in "
                "server.arm_key_env",
                "api_key_env",
            )
        barred = any(fnmatch.fnmatchcase(variable, pattern) for pattern in _NEVER)
        if barred or not any(fnmatch.fnmatchcase(variable, pattern) for pattern in self._listed):
            raise ConfigError(
                f"arm {config.name}: a request may not have the variable {variable} sent anywhere: list it in "
                "server.arm_key_env of the configuration file, or add the arm there",
                "api_key_env",
            )

    def check_signer(self, config: ArmConfig, arm: Arm) -> None:
        """Raises ConfigError where the machine's own account would sign for somebody else."""
        if arm.signer is None or self._vendors(arm.row, arm.endpoint):
            return
        if arm.endpoint in self._given.get(config.provider, ()):
            return
        raise ConfigError(
            f"arm {config.name}: the gateway's own account at {config.provider} signs for the vendor's hosts only: "
            f"give this base_url in [providers.{config.provider}] of the configuration file",
            "base_url",
        )

    def _at_home(self, variable: str, row: Provider | None, endpoint: Endpoint) -> bool:
        if endpoint in self._homes.get(variable, ()):
            return True
        if row is None or row.key_env != variable:
            return False
        return self._vendors(row, endpoint) or endpoint in self._given.get(row.name, ())

    def _vendors(self, row: Provider, endpoint: Endpoint) -> bool:
        return (
            row.own_hosts is not None
            and endpoint.scheme == "https"
            and endpoint.port == 443
            and re.fullmatch(row.own_hosts, endpoint.host) is not None
        )
