"""TLS with a test authority, plain and tunnelled proxies, proxies from the environment."""

import asyncio

import pytest

from proxy.upstream import ConnectFailed, Endpoint, Proxies, TlsFailed, client_context
from proxy.upstream.dialing.proxies import HttpProxy
from tests.proxy.upstream.scripted import CERTS, answering, ask, once, server_context

SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECRET = "s3cret"


async def test_a_server_of_a_trusted_authority_is_spoken_to_and_its_session_resumed(make_pool, serve):
    server = await serve(once(SHORT), context=server_context())
    resumed = []
    pool = make_pool(tls=client_context(CERTS / "ca.pem"))
    for _ in range(2):
        _, sink = ask(pool, server.endpoint)
        assert (await sink.settled()).body == b"ok"
        resumed.append(server.peers[-1].writer.get_extra_info("ssl_object").session_reused)
        await asyncio.gather(*server._tasks)
        while any(counts["open"] for counts in pool.occupancy().values()):
            await asyncio.sleep(0)
    assert resumed == [False, True]


async def test_an_unknown_authority_is_a_tls_failure(pool, serve):
    server = await serve(once(SHORT), context=server_context())
    _, sink = ask(pool, server.endpoint)
    await sink.settled()
    assert isinstance(sink.failure, TlsFailed)
    assert sink.failure.retry_safe


async def test_a_certificate_for_another_name_is_a_tls_failure(make_pool, serve):
    target = await serve(once(SHORT), context=server_context())
    pool = make_pool(tls=client_context(CERTS / "ca.pem"), proxies=await tunnel_to(target, serve, []))
    _, sink = ask(pool, Endpoint.from_url("https://other.example.test/v1"))
    await sink.settled()
    assert isinstance(sink.failure, TlsFailed)


async def tunnel_to(target, serve, seen):
    async def script(peer):
        seen.append(await peer.request())
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        await peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def copy(source, sink):
            try:
                while data := await source.read(65536):
                    sink.write(data)
            except ConnectionError:
                pass
            finally:
                sink.close()

        await asyncio.gather(copy(peer.reader, writer), copy(reader, peer.writer))

    server = await serve(script)
    return Proxies(https=f"http://user:{SECRET}@127.0.0.1:{server.port}")


async def test_https_goes_through_a_tunnel_with_the_name_checked_at_its_end(make_pool, serve):
    seen = []
    target = await serve(answering(SHORT), context=server_context())
    pool = make_pool(tls=client_context(CERTS / "ca.pem"), proxies=await tunnel_to(target, serve, seen))
    for _ in range(2):
        _, sink = ask(pool, Endpoint.from_url("https://api.example.test/v1"))
        assert (await sink.settled()).body == b"ok"
    assert len(seen) == 1
    assert seen[0].startswith(b"CONNECT api.example.test:443 HTTP/1.1\r\nhost: api.example.test:443\r\n")
    assert b"proxy-authorization: Basic dXNlcjpzM2NyZXQ=\r\n" in seen[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nspam",
        b"SOCKS\r\n\r\n",
        b"HTTP/1.1 200",
    ],
)
async def test_a_proxy_that_does_not_tunnel_is_named_without_its_password(make_pool, serve, answer):
    server = await serve(once(answer))
    proxies = Proxies(https=f"http://user:{SECRET}@127.0.0.1:{server.port}")
    _, sink = ask(make_pool(proxies=proxies), Endpoint.from_url("https://api.example.test"))
    await sink.settled()
    assert type(sink.failure) is ConnectFailed
    assert f"proxy 127.0.0.1:{server.port}" in str(sink.failure)
    assert SECRET not in repr(sink.failure)


async def test_plain_http_is_asked_of_the_proxy_by_whole_url(make_pool, serve):
    seen = []

    async def script(peer):
        while True:
            seen.append(await peer.request())
            await peer.send(SHORT)

    server = await serve(script)
    pool = make_pool(proxies=Proxies(http=f"http://user:{SECRET}@127.0.0.1:{server.port}"))
    _, sink = ask(pool, Endpoint.from_url("http://api.example.test:8000/v1"))
    assert (await sink.settled()).body == b"ok"
    line, *headers = seen[0].split(b"\r\n")
    assert line == b"POST http://api.example.test:8000/v1/chat/completions HTTP/1.1"
    assert b"proxy-authorization: Basic dXNlcjpzM2NyZXQ=" in headers
    assert b"host: api.example.test:8000" in headers


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://api.openai.com", "", False),
        ("https://api.openai.com", "*", True),
        ("https://api.openai.com", "openai.com", True),
        ("https://api.openai.com", ".openai.com", True),
        ("https://api.openai.com", "*.openai.com", True),
        ("https://notopenai.com", "openai.com", False),
        ("https://api.openai.com:8443", "openai.com:443", False),
        ("https://api.openai.com", "mistral.ai, openai.com:443", True),
        ("http://10.1.2.3:8000", "10.0.0.0/8", True),
        ("http://11.1.2.3:8000", "10.0.0.0/8", False),
        ("http://[fd00::5]:8000", "[fd00::5]:8000", True),
        ("http://[fd00::5]:8000", "fd00::/8", True),
        ("http://localhost:11434", "", True),
        ("http://127.0.0.9:11434", "", True),
        ("http://[::1]:11434", "", True),
    ],
)
def test_no_proxy_and_loopback_decide_what_is_reached_directly(url, no_proxy, direct):
    proxies = Proxies.from_environment(
        {"HTTPS_PROXY": "p:1", "http_proxy": "http://p:2", "NO_PROXY": no_proxy}
    )
    assert (proxies.proxy_for(Endpoint.from_url(url)) is None) is direct


def test_the_lower_case_variable_wins_and_all_proxy_fills_in():
    proxies = Proxies.from_environment({"http_proxy": "a:1", "HTTP_PROXY": "b:1", "ALL_PROXY": "c:1"})
    assert proxies.proxy_for(Endpoint.from_url("http://x.test")).host == "a"
    assert proxies.proxy_for(Endpoint.from_url("https://x.test")).host == "c"


def test_credentials_show_up_nowhere():
    proxy = HttpProxy.from_url(f"http://user:{SECRET}@p:3128")
    assert SECRET not in f"{proxy} {proxy!r}"
    assert b"dXNl" not in repr(proxy).encode()
    with pytest.raises(ValueError) as refused:
        HttpProxy.from_url(f"socks5://user:{SECRET}@p:3128")
    assert SECRET not in str(refused.value)
