"""Rows belong to the key and team that made them: others neither find nor judge them, and the operator does both."""

import hashlib
import sqlite3
import zlib

import pytest

from state.records import EVERYBODY, ArmChange, ArmPrice, Feedback, KeyEntry, Label, Owner, Viewer
from state.sqlite.migrations import MIGRATIONS, migrate
from state.sqlite.store import SqliteStore
from tests.state.samples import decision

ANN, BEN, CID, DAN = Owner("ann", "red"), Owner("ben", "red"), Owner("cid", "blue"), Owner("dan")


def as_(owner):
    return Viewer(owner, everywhere=False)


def asked_by(owner, number, **changes):
    return decision(number, key=owner.key, team=owner.team, **changes)


def verdict(owner, id="gen-1", value=1.0, *, everywhere=False, **more):
    return Feedback(id=id, metric="quality", value=value, at=5.0, by=Viewer(owner, everywhere), **more)


@pytest.fixture
async def asked(store):
    """Ann's answer, number 1."""
    await store.append([asked_by(ANN, 1, session="s")], [])
    return store


async def test_a_decision_is_read_with_its_owner(asked):
    found = await asked.decision("gen-1")
    assert (found.key, found.team) == ANN
    [row] = await asked.tail(0)
    assert (row.key, row.team) == ANN


@pytest.mark.parametrize("id", ["gen-1", "chatcmpl-1"])
@pytest.mark.parametrize(
    ("viewer", "sees"),
    [
        (as_(ANN), True),
        (as_(BEN), True),
        (as_(Owner("ann")), True),
        (as_(CID), False),
        (as_(DAN), False),
        (as_(Owner("", "")), False),
        (as_(Owner("red", "ann")), False),
        (Viewer(DAN, everywhere=True), True),
        (EVERYBODY, True),
    ],
)
async def test_an_answer_is_seen_and_judged_by_its_key_its_team_and_the_operator(asked, id, viewer, sees):
    assert (await asked.decision(id, viewer) is not None) is sees
    assert bool(await asked.session("s", viewer=viewer)) is sees
    item = Feedback(id=id, metric="quality", value=0.5, at=5.0, by=viewer)
    [result] = (await asked.append([], [item]))[1]
    assert result.status == ("new" if sees else "unknown")
    assert bool(await asked.feedback_of(id, viewer)) is sees
    assert bool(await asked.feedback_of(id)) is sees


async def test_an_id_that_stands_for_several_means_ones_own_latest(store):
    rows = [asked_by(owner, n, id="same") for n, owner in enumerate([ANN, ANN, CID, DAN, CID])]
    await store.append(rows, [])
    for owner, number in ((ANN, 1), (BEN, 1), (CID, 4), (DAN, 3)):
        for viewer in (as_(owner), Viewer(owner, everywhere=True)):
            assert (await store.decision("same", viewer)).request_id == f"gen-{number}"
    assert (await store.decision("same")).request_id == "gen-4"
    [result] = (await store.append([], [verdict(DAN, "same", 0.0)]))[1]
    assert result.status == "new"
    assert [len(await store.feedback_of(f"gen-{n}")) for n in range(5)] == [0, 0, 0, 1, 0]


async def test_an_upstream_cannot_take_anothers_id_over(store):
    await store.append([asked_by(ANN, 1), asked_by(CID, 2, id="gen-1")], [])
    assert (await store.decision("gen-1", as_(ANN))).seq == 1
    assert (await store.decision("gen-1", as_(CID))).seq == 2


async def test_two_keys_may_use_the_same_session(store):
    await store.append(
        [asked_by(ANN, 1, session="s"), asked_by(CID, 2, session="s"), asked_by(BEN, 3, session="s")], []
    )
    assert [d.seq for d in await store.session("s", viewer=as_(ANN))] == [1, 3]
    assert [d.seq for d in await store.session("s", viewer=as_(CID))] == [2]
    assert [d.seq for d in await store.session("s", viewer=Viewer(CID, everywhere=True))] == [2]
    assert [d.seq for d in await store.session("s", viewer=Viewer(DAN, everywhere=True))] == [1, 2, 3]
    assert [d.seq for d in await store.session("s", 1, as_(ANN))] == [3]


async def test_an_idempotency_key_of_one_is_not_another_ones(asked):
    async def status(owner, value, key):
        item = verdict(owner, value=value, idempotency_key=key)
        return (await asked.append([], [item]))[1][0].status

    assert await status(ANN, 1.0, "k") == "new"
    assert await status(ANN, 0.0, "k") == "repeated"
    assert await status(BEN, 0.0, "k") == "corrected"
    assert await status(BEN, 1.0, "k") == "repeated"


async def test_every_kind_of_row_holds_whose_it_is(tmp_path):
    store = await SqliteStore.open(tmp_path / "a.db")
    row = asked_by(ANN, 1)
    await store.append([row], [verdict(BEN)])
    await store.add_labels([Label(b"1", 1.0, "t", row.context, {"a": 1.0}, {}, by=CID)])
    await store.change_arm(ArmChange("a", 1.0, {}, by=DAN))
    await store.change_price(ArmPrice("a", 1.0, {}, by=BEN))
    await store.set_value("a", 1.0, DAN)
    await store.set_value("a", 2.0, CID)
    await store.close()
    connection = sqlite3.connect(tmp_path / "a.db")
    query = "SELECT key_id, team_id FROM {} JOIN principals ON number = principal"
    found = {
        table: Owner(*connection.execute(query.format(table)).fetchone())
        for table in ("decisions", "feedback", "labels", "arms", "prices", '"values"')
    }
    connection.close()
    assert found == {
        "decisions": ANN,
        "feedback": BEN,
        "labels": CID,
        "arms": DAN,
        "prices": BEN,
        '"values"': CID,
    }


async def test_a_transaction_that_fails_leaves_no_number_behind(store):
    with pytest.raises((AttributeError, TypeError)):
        await store.append([asked_by(ANN, 1), None], [])
    await store.append([asked_by(CID, 2), asked_by(ANN, 3)], [])
    assert [(d.key, d.team) for d in await store.tail(0)] == [CID, ANN]


def write_as_before(path, schemas, *rows):
    """Makes a database of an earlier version: rows of (seq, id, key), whose key stands in the frame."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:schemas])
    connection.execute('INSERT INTO texts VALUES (1, x\'01\', \'["a", "b", "c", "d", "e", "f"]\')')
    connection.execute("INSERT INTO texts VALUES (2, x'02', 'no JSON')")
    for seq, name, key in rows:
        frame = f'["auto", "openai", false, "{key}", "v", {{}}]'
        connection.execute("INSERT INTO texts VALUES (?, ?, ?)", (10 + seq, bytes([seq]) * 16, frame))
        connection.execute(
            "INSERT INTO decisions (seq, id, id_hash, arm, candidates, frame, session, at, task, status,"
            " http_status, finished_at, propensity, details, context, probabilities)"
            " VALUES (?, ?, ?, 'a', 1, ?, 's', 5.0, '', 'ok', 200, 6.0, 1.0, '', x'', x'')",
            (seq, name, zlib.crc32(name.encode()), 10 + seq),
        )
    connection.execute(
        "INSERT INTO feedback VALUES (99, 1, 'one', 'quality', 1.0, 5.0, 1.0, '', '', 'k', NULL)"
    )
    connection.execute("INSERT INTO blocks VALUES (0, 5.0, 5.0)")
    connection.execute("UPDATE sequence SET next = 100")
    connection.close()


def former(key):
    return hashlib.sha256(key.encode()).digest()[:4].hex()


@pytest.mark.parametrize("schemas", range(1, 5))
async def test_rows_of_an_earlier_schema_stay_their_keys(tmp_path, schemas):
    """They named the key by a part of its hash: the key that made them reads and judges them, another one doesn't."""
    rows = (
        (1, "one", former("sk-1")),
        (2, "two", former("sk-2")),
        (3, "open", ""),
        (4, "gone", former("sk-gone")),
    )
    write_as_before(tmp_path / "a.db", schemas, *rows)
    store = await SqliteStore.open(tmp_path / "a.db")
    entries = [KeyEntry("sk-1", "eval"), KeyEntry("sk-2", None, "red"), KeyEntry("sk-3", None, "red")]
    owners = await store.register_keys(entries)
    seen = {owner.key: [d.id for d in await store.session("s", viewer=as_(owner))] for owner in owners}
    assert list(seen.values()) == [["one"], ["two"], []]
    assert [d.id for d in await store.session("s")] == ["open"]  # nobody's come first where nobody asks
    assert [d.id for d in await store.session("s", viewer=Viewer(DAN, everywhere=True))] == [
        "one",
        "two",
        "open",
        "gone",
    ]
    assert [d.key for d in await store.tail(0) if hasattr(d, "probabilities")] == [
        owners[0].key,
        owners[1].key,
        "",
        former("sk-gone"),
    ]
    for name, owner, status in (
        ("one", owners[1], "unknown"),
        ("one", owners[0], "corrected"),
        ("two", owners[1], "new"),
    ):
        assert (await store.append([], [verdict(owner, name, 0.25)]))[1][0].status == status
    await store.close()
    again = await SqliteStore.open(tmp_path / "a.db")
    changed = [KeyEntry("sk-9", "eval"), *entries[1:]]
    assert await again.register_keys(changed) == owners
    assert (await again.decision("one", as_(owners[0]))).id == "one"
    await again.append([asked_by(owners[0], 7, session="s")], [])
    assert [d.id for d in await again.session("s", viewer=as_(owners[0]))] == ["one", "chatcmpl-7"]
    await again.close()
