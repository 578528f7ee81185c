"""Through the gateway: conversations that change their vendor at every turn."""

from __future__ import annotations

import pytest

from benchmarks.switching.client import DIALECTS
from benchmarks.switching.outside import Outside
from benchmarks.switching.talk import talk
from benchmarks.switching.vendors import VENDORS


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_every_vendor_is_followed_by_another_and_by_itself(tmp_path, stream):
    async with Outside().running(tmp_path) as outside:
        for client in DIALECTS:
            for number, first in enumerate(VENDORS):
                for second in (VENDORS[number - 4], VENDORS[number - 1], first):
                    outcome = await talk(outside.ask, first, second, client, stream=stream)
                    assert (outcome.turns, outcome.refused, outcome.lost) == (5, [], []), (client, second)
