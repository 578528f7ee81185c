import pytest

from state.sqlite.store import SqliteStore


@pytest.fixture
async def store(tmp_path):
    opened = await SqliteStore.open(tmp_path / "journal.db")
    yield opened
    await opened.close()
