"""The gateway and the provider of the proxy's own tests."""

from tests.proxy.conftest import launch, provider

__all__ = ["launch", "provider"]
