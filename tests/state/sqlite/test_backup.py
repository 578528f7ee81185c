"""A copy of a database is whole, the owner's alone, and there only when it is finished."""

import sqlite3
import stat

import pytest

from state.interface import StoreError
from state.records import Feedback
from state.sqlite import backup
from state.sqlite.backup import back_up, check
from state.sqlite.migrations import MIGRATIONS, migrate
from state.sqlite.store import SqliteStore
from tests.state.locks import held
from tests.state.samples import decision


def quiet(_pages, _of):
    pass


@pytest.fixture
def paths(tmp_path):
    return tmp_path / "journal.db", tmp_path / "copy.db"


def copy(paths, *, replace=False, progress=quiet):
    source, destination = map(str, paths)
    return back_up(source, destination, replace=replace, progress=progress)


async def rows_of(path):
    store = await SqliteStore.read(path)
    try:
        return [row.seq for row in await store.tail(0, 10**6)]
    finally:
        await store.close()


async def test_the_copy_holds_all_that_was_committed_and_is_the_owners(store, paths, tmp_path):
    await store.append([decision(1)], [Feedback("chatcmpl-1", "quality", 1.0, 1.0)])
    assert copy(paths) == paths[1].stat().st_size
    assert stat.S_IMODE(paths[1].stat().st_mode) == 0o600
    assert await rows_of(paths[1]) == [1, 2]
    assert sorted(file.name for file in tmp_path.iterdir() if "copy" in file.name) == ["copy.db"]
    assert held(paths[0]) == {"main", "shm"}
    await store.append([decision(2)], [])


async def test_commits_meanwhile_neither_get_into_the_copy_nor_begin_it_anew(store, paths, monkeypatch):
    monkeypatch.setattr(backup, "_STEP_PAGES", 4)
    await store.append([decision(n) for n in range(1, 500)], [])
    other = sqlite3.connect(paths[0], isolation_level=None)
    told = []

    def progress(pages, of):
        told.append((pages, of))
        other.execute("UPDATE sequence SET next = next + 1")

    copy(paths, progress=progress)
    other.close()
    assert [pages for pages, _ in told] == sorted(pages for pages, _ in told), "it began anew"
    assert len(told) > 5
    assert told[-1][0] == told[-1][1]
    assert await rows_of(paths[1]) == list(range(1, 500))


async def test_what_is_there_is_replaced_only_if_told_so(store, paths):
    await store.append([decision(1)], [])
    paths[1].write_bytes(b"precious")
    with pytest.raises(StoreError, match=r"copy\.db: is there already: .*--force"):
        copy(paths)
    assert paths[1].read_bytes() == b"precious"
    copy(paths, replace=True)
    assert await rows_of(paths[1]) == [1]


async def test_what_comes_there_meanwhile_is_not_replaced(store, paths):
    await store.append([decision(1)], [])
    with pytest.raises(StoreError, match="is there already"):
        copy(paths, progress=lambda *_: paths[1].write_bytes(b"precious"))
    assert paths[1].read_bytes() == b"precious"


@pytest.mark.parametrize("replace", [False, True])
async def test_a_copy_is_not_put_beside_another_ones_log(store, paths, replace):
    paths[1].with_name("copy.db-wal").write_bytes(b"rows")
    with pytest.raises(StoreError, match=r"copy\.db-wal: the log of another database"):
        copy(paths, replace=replace)


async def test_the_database_itself_is_no_place_for_its_copy(store, paths, tmp_path):
    (tmp_path / "link.db").symlink_to(paths[0])
    for place in (paths[0], tmp_path / "link.db"):
        with pytest.raises(StoreError, match="is the database itself"):
            copy((paths[0], place), replace=True)


@pytest.mark.parametrize("link", ["works", "doesn't"])
async def test_a_file_system_without_links_is_good_enough(store, paths, monkeypatch, link):
    if link == "doesn't":

        def refused(*_args):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr("state.sqlite.backup.os.link", refused)
    copy(paths)
    assert await rows_of(paths[1]) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"precious notes " * 1000, "not a SQLite database"),
        (b"", "holds no journal"),
    ],
)
def test_what_is_no_journal_is_not_copied_and_not_changed(paths, tmp_path, content, words):
    if content is not None:
        paths[0].write_bytes(content)
    before = sorted(tmp_path.iterdir())
    for call in (lambda: copy(paths), lambda: check(str(paths[0]))):
        with pytest.raises(StoreError, match=words):
            call()
    assert sorted(tmp_path.iterdir()) == before
    assert content is None or paths[0].read_bytes() == content


def test_a_directory_that_is_not_there_is_named(paths, tmp_path):
    sqlite3.connect(paths[0]).close()
    with pytest.raises(StoreError):
        copy((paths[0], tmp_path / "none" / "copy.db"))


async def damaged(path):
    store = await SqliteStore.open(path)
    await store.append([decision(n) for n in range(1, 2000)], [])
    await store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\x55" * 20_000)


async def test_of_a_damaged_database_no_copy_is_left(paths, tmp_path):
    await damaged(paths[0])
    with pytest.raises(StoreError, match="damaged"):
        copy(paths)
    assert [file.name for file in tmp_path.iterdir()] == ["journal.db"]


async def test_a_check_finds_damage_and_says_what_is_there(paths):
    await damaged(paths[0])
    found, size = check(str(paths[0]))
    assert found
    assert size is None


async def test_a_check_of_a_whole_database_counts_it(store, paths):
    await store.append([decision(1)], [Feedback("chatcmpl-1", "quality", 1.0, 1.0)])
    found, size = check(str(paths[0]))
    assert (found, size.decisions, size.feedback) == ([], 1, 1)


async def test_an_older_versions_journal_is_copied_as_it_is(paths):
    old = sqlite3.connect(paths[0], isolation_level=None)
    old.execute("PRAGMA journal_mode = WAL")
    migrate(old, MIGRATIONS[:1])
    old.close()
    copy(paths)
    assert check(str(paths[1]))[0] == []
    store = await SqliteStore.open(paths[1])
    assert await store.tail(0) == []
    await store.close()
