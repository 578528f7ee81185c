"""Connections on both sides move through their phases as drawn here, and in no other way."""

from itertools import product

import pytest

from proxy.ingress import connection as ingress
from proxy.phases import PhaseError, Phases
from proxy.upstream import connection as upstream
from proxy.upstream.connection import UpstreamConnection
from proxy.upstream.exchange import Exchange
from proxy.upstream.limits import Timeouts

DRAWN = {
    upstream.PHASES: """
        idle      head closed
        head      body closed
        body      draining idle closed
        draining  idle closed
        closed
    """,
    ingress.PHASES: """
        reading    serving lingering closing closed
        serving    reading receiving lingering closing closed
        receiving  serving closed
        lingering  closing closed
        closing    closed
        closed
    """,
}


def allowed(phases: Phases) -> set[tuple[str, str]]:
    rows = [line.split() for line in DRAWN[phases].strip().splitlines()]
    assert {row[0] for row in rows} == set(phases.names)
    return {(present, following) for present, *others in rows for following in others}


@pytest.mark.parametrize("phases", DRAWN, ids=["upstream", "ingress"])
def test_every_transition_that_is_drawn_is_allowed_and_every_other_refused(phases: Phases) -> None:
    for present, following in product(phases.names, repeat=2):
        numbers = phases.names.index(present), phases.names.index(following)
        if (present, following) in allowed(phases):
            assert phases.enter(*numbers) == numbers[1]
        else:
            with pytest.raises(PhaseError, match=f"^{following} can't follow {present}$"):
                phases.enter(*numbers)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (upstream, ["CLOSED", "IDLE", "HEAD", "BODY", "DRAINING"]),
        (ingress, ["READING", "SERVING", "RECEIVING", "LINGERING", "CLOSING", "CLOSED"]),
    ],
)
def test_a_phase_is_the_position_of_its_name(module, names: list[str]) -> None:
    assert [module.PHASES.names[getattr(module, name)] for name in names] == [n.lower() for n in names]


class Transport:
    """Accepts what is written, and never closes by itself."""

    def write(self, data: bytes) -> None:
        pass

    def abort(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False


class Owner:
    """An origin that lets go of everything."""

    def released(self, connection: UpstreamConnection) -> None: ...
    def dropped(self, connection: UpstreamConnection) -> None: ...
    def settled(self, exchange: Exchange) -> None: ...
    def withdraw(self, exchange: Exchange) -> None: ...


def begun() -> tuple[UpstreamConnection, Exchange]:
    connection = UpstreamConnection(Owner(), header_bytes=1000, rewrite=None)
    connection.connection_made(Transport())
    exchange = Exchange(Owner(), b"GET / HTTP/1.1\r\n\r\n", b"", None, Timeouts(), 0.0)
    connection.start(exchange)
    return connection, exchange


def test_a_connection_serves_one_exchange_at_a_time() -> None:
    connection, exchange = begun()
    with pytest.raises(PhaseError, match="head can't follow head"):
        connection.start(exchange)


def test_a_connection_drains_only_after_the_head_of_the_answer() -> None:
    connection, _ = begun()
    with pytest.raises(PhaseError, match="draining can't follow head"):
        connection.drain()


def test_a_closed_connection_starts_nothing_and_may_be_closed_again() -> None:
    connection, exchange = begun()
    connection.close()
    connection.close()
    with pytest.raises(PhaseError, match="head can't follow closed"):
        connection.start(exchange)
