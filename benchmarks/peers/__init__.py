"""Other gateways, each installed on demand into an environment of its own and started fairly.

Fairly means: one worker, no request logging, no rate limit, no database or telemetry that it doesn't need to
forward a request, keep-alive to the upstream, and every known mistake in its set-up avoided.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.launch import InstallError, Launch, Peer, Site
from benchmarks.peers.system import ENVOY, NGINX

__all__ = ["CACHE", "PEERS", "InstallError", "Launch", "Peer", "Site"]

CACHE = Path(__file__).parent / ".cache"
PEERS = {peer.name: peer for peer in (NGINX, ENVOY)}
