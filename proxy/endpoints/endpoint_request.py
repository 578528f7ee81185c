"""What every handler is given: who asks what of which gateway."""

from __future__ import annotations

from proxy.gateway import Gateway
from proxy.governance.principal import Principal
from proxy.ingress.request import Incoming


class EndpointRequest:
    """A request that was let in. `rest` is what follows the prefix in a path that is known by its prefix."""

    __slots__ = ("gateway", "http", "principal", "rest")

    def __init__(self, gateway: Gateway, http: Incoming, principal: Principal, rest: str) -> None:
        self.gateway = gateway
        self.http = http
        self.principal = principal
        self.rest = rest
