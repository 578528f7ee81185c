"""Which hosts no provider has, in whatever spelling the resolver would understand."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from proxy.upstream import Addresses, Endpoint, PoolLimits, Proxies
from proxy.upstream.dialing.dial import Dialer
from proxy.upstream.dialing.resolver import Address
from proxy.upstream.failures import ConnectFailed

REFUSED = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.169.254.",
    "2852039166",
    "0xa9fea9fe",
    "0XA9FEA9FE",
    "025177524776",
    "169.254.43518",
    "169.16689662",
    "0251.0376.0251.0376",
    "0xa9.0xfe.0xa9.0xfe",
    "0xa9.254.0251.254",
    "169.254.169%2e254",
    "169.254.169.254%00.example.com",
    "%31%36%39.254.169.254",
    "①⑥⑨.254.169.254",
    "１６９。２５４。１６９。２５４",
    "[::ffff:169.254.169.254]",
    "::ffff:a9fe:a9fe",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
    "fe80::5efe:a9fe:a9fe",
    "2001:db8::5efe:169.254.169.254",
    "2001:db8::200:5efe:169.254.169.254",
    "fe80::1",
    "fe80::a9fe:a9fe%eth0",
    "febf::1",
    "fd00:ec2::254",
    "FD00:0EC2:0:0:0:0:0:0254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "100.100.100.200",
    "1684301000",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:168.63.129.16",
    "metadata",
    "metadata.google.internal",
    "Metadata.Google.Internal.",
    "x.metadata.google.internal",
    "metadata.goog",
    "instance-data.ec2.internal",
]

SERVED = [
    "127.0.0.1",
    "localhost",
    "::1",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "fd12:3456::1",
    "100.64.0.1",
    "api.openai.com",
    "metadata.example.com",
    "169.253.1.1",
    "2851995647",
    "2002:a00:1::1",
    "64:ff9b::8.8.8.8",
    "2001:4860:4860::8888",
    "deadbeef",
    "0x",
    "1.2.3.4.5",
    "256.1.1.1",
    "",
]


@pytest.mark.parametrize("host", REFUSED)
def test_a_clouds_metadata_and_link_local_addresses_are_refused_in_every_spelling(host: str) -> None:
    assert Addresses().refusal(host) is not None


@pytest.mark.parametrize("host", SERVED)
def test_all_else_may_be_a_provider(host: str) -> None:
    assert Addresses().refusal(host) is None


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("169.254.7.0/24", "169.254.7.9"),
        ("169.254.7.9", "0xa9fe0709"),
        ("fe80::1", "[fe80::1%eth0]"),
        ("[fe80::1]", "fe80::1"),
        ("metadata.google.internal", "Metadata.google.internal."),
    ],
)
def test_what_an_operator_lists_is_served(allowed: str, host: str) -> None:
    assert Addresses([allowed]).refusal(host) is None
    assert Addresses([allowed]).refusal("169.254.169.254") is not None


@pytest.mark.parametrize("entry", ["169.254.0.0/99", "a/b", " "])
def test_an_entry_that_is_no_address_is_said(entry: str) -> None:
    with pytest.raises(ValueError, match="no name, address or network"):
        Addresses([entry])


class _Names:
    """A resolver that knows one name's addresses."""

    def __init__(self, *hosts: str) -> None:
        self._found = [Address(2, (host, 80)) for host in hosts]

    async def addresses(self, host: str, port: int) -> list[Address]:
        return self._found

    def demote(self, host: str, port: int, address: Address) -> None: ...


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tried: list[str] = []

    async def connect(addresses: list[Address], *_: object) -> None:
        tried.extend(address.sockaddr[0] for address in addresses)
        raise OSError("not in a test")

    monkeypatch.setattr("proxy.upstream.dialing.dial.connect_any", connect)
    return tried


async def _open(names: _Names, *allowed: str, proxies: Proxies | None = None) -> str:
    loop = asyncio.get_running_loop()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    dialer = Dialer(PoolLimits(), proxies or Proxies(), tls, loop, Addresses(allowed))
    dialer._resolver = names  # type: ignore[assignment]
    with pytest.raises(ConnectFailed) as raised:
        await dialer.open(dialer.route(Endpoint.from_url("http://sly.example/v1")), lambda: None)  # type: ignore[arg-type,return-value]
    return str(raised.value)


async def test_a_name_that_leads_there_is_not_connected_to(dialled: list[str]) -> None:
    said = await _open(_Names("169.254.169.254", "::ffff:169.254.169.254"))
    assert dialled == []
    assert "sly.example:80 leads to an address" in said
    assert "server.allowed_addresses" in said


async def test_of_several_addresses_the_others_are_tried(dialled: list[str]) -> None:
    await _open(_Names("169.254.169.254", "127.0.0.1"))
    assert dialled == ["127.0.0.1"]


@pytest.mark.parametrize("allowed", ["sly.example", "169.254.0.0/16"])
async def test_a_name_or_network_that_is_listed_is_connected_to(dialled: list[str], allowed: str) -> None:
    await _open(_Names("169.254.1.1"), allowed)
    assert dialled == ["169.254.1.1"]


async def test_the_proxy_is_the_operators_own_wherever_it_lives(dialled: list[str]) -> None:
    await _open(_Names("169.254.1.1"), proxies=Proxies(http="http://proxy.example:3128"))
    assert dialled == ["169.254.1.1"]
