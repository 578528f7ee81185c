"""A process that appends to a store and acknowledges on its standard output: path, first number, batches."""

import asyncio
import sys

from state.records import Feedback
from state.sqlite.store import SqliteStore
from tests.state.samples import decision


def acknowledge(what: object) -> None:
    """Writes one line through to the pipe."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


async def main(path: str, first: int, batches: int) -> None:
    """Appends batches of three decisions and one feedback; 0 batches means until it is killed."""
    store = await SqliteStore.open(path)
    acknowledge("ready")
    await asyncio.to_thread(sys.stdin.readline)
    number = first
    while not batches or number < first + 3 * batches:
        rows = [decision(number + n) for n in range(3)]
        await store.append(rows, [Feedback(rows[0].id, "quality", 0.5, 1.0)])
        acknowledge(number)
        number += 3
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
