"""The schema's history. Append only: a released migration is never edited, removed or reordered."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from state.interface import StoreError

APPLICATION_ID = 0x4D657269
"""Marks a database file as ours ("Meri" in ASCII), so that another program's file is refused unharmed."""

BLOCK_BITS = 11
"""Rows are grouped in blocks of 2,048 consecutive seqs: the unit of the id indexes and of `blocks`.

Answer ids are random, and a plain index over them dirties one page per inserted row once it is larger than
a batch: measured, 5 µs a row more at 200,000 rows. An index that is led by the block number dirties the
dozen pages of the newest block only. A look-up goes through the blocks, newest first, at under a microsecond each,
and most feedback is about recent answers.
"""


class Migration(NamedTuple):
    """One step of the schema. The name is what the database remembers."""

    name: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "0001 journal",
        (
            # One row. `next` is taken inside the write transaction, so the order of commits is the order of
            # seq. `texts_epoch` counts deletions from `texts`: whoever caches ids of texts drops them then.
            (
                "CREATE TABLE sequence (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL,"
                " texts_epoch INTEGER NOT NULL)"
            ),
            "INSERT INTO sequence VALUES (1, 1, 0)",
            # Candidate lists and decision frames, each stored once. AUTOINCREMENT: an id never returns.
            (
                "CREATE TABLE texts (id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE,"
                " body TEXT NOT NULL)"
            ),
            # No CHECKs and few NOT NULLs: one odd field must not keep a whole batch out of the journal.
            (
                "CREATE TABLE decisions (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, id_hash INTEGER NOT NULL,"
                " request_id TEXT, request_hash INTEGER, at REAL, task TEXT, arm TEXT NOT NULL,"
                " propensity REAL, candidates INTEGER NOT NULL, frame INTEGER NOT NULL, session TEXT, user TEXT,"
                " finished_at REAL, status TEXT, http_status INTEGER, finish TEXT, input_tokens INTEGER,"
                " output_tokens INTEGER, cost_usd REAL, ttft_s REAL, details TEXT, context BLOB,"
                " probabilities BLOB)"
            ),
            f"CREATE INDEX decisions_id ON decisions (seq >> {BLOCK_BITS}, id_hash)",
            (
                f"CREATE INDEX decisions_request ON decisions (seq >> {BLOCK_BITS}, request_hash)"
                " WHERE request_hash IS NOT NULL"
            ),
            "CREATE INDEX decisions_session ON decisions (session, seq) WHERE session IS NOT NULL",
            "CREATE INDEX decisions_user ON decisions (user, seq) WHERE user IS NOT NULL",
            # When the rows of a block happened: an index over `at` with one entry for 2,048 rows.
            "CREATE TABLE blocks (block INTEGER PRIMARY KEY, min_at REAL NOT NULL, max_at REAL NOT NULL)",
            (
                "CREATE TABLE feedback (seq INTEGER PRIMARY KEY,"
                " decision INTEGER NOT NULL REFERENCES decisions (seq) ON DELETE CASCADE,"
                " id TEXT NOT NULL, metric TEXT NOT NULL, value REAL NOT NULL, at REAL NOT NULL,"
                " weight REAL NOT NULL, source TEXT, comment TEXT, idempotency_key TEXT,"
                " previous INTEGER REFERENCES feedback (seq) ON DELETE CASCADE)"
            ),
            "CREATE INDEX feedback_decision ON feedback (decision, metric, seq)",
            "CREATE INDEX feedback_previous ON feedback (previous) WHERE previous IS NOT NULL",
            (
                "CREATE TABLE snapshots (name TEXT NOT NULL, seq INTEGER NOT NULL, saved_at REAL NOT NULL,"
                " checksum BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (name, seq))"
            ),
            'CREATE TABLE "values" (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
        ),
    ),
    Migration(
        "0002 arms in the journal",
        (
            # What a learner believes hangs on when an arm came, so arms take part in the order of the journal.
            # No config: the arm was taken out of service.
            (
                "CREATE TABLE arms (seq INTEGER PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL, config TEXT,"
                " prior TEXT)"
            ),
            "CREATE INDEX arms_name ON arms (name, seq)",
            # Arms used to be values, without a place among the rows: they get the next ones.
            (
                "INSERT INTO arms SELECT (SELECT next FROM sequence) - 1 + row_number() OVER (ORDER BY name),"
                " substr(name, 5), 0.0, value, NULL FROM \"values\" WHERE substr(name, 1, 4) = 'arm/'"
            ),
            "UPDATE sequence SET next = next + (SELECT count(*) FROM arms)",
            "DELETE FROM \"values\" WHERE substr(name, 1, 4) = 'arm/'",
        ),
    ),
    Migration(
        "0003 labels",
        (
            (
                "CREATE TABLE labels (seq INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, at REAL NOT NULL,"
                " task TEXT NOT NULL, context BLOB NOT NULL, qualities TEXT NOT NULL)"
            ),
        ),
    ),
    Migration(
        "0004 lengths of labelled answers",
        ("ALTER TABLE labels ADD COLUMN output_tokens TEXT NOT NULL DEFAULT '{}'",),
    ),
    Migration(
        "0005 keys and teams",
        (
            # A key of the configuration has a name or the digest of the key itself, never both.
            "CREATE TABLE teams (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at REAL NOT NULL)",
            (
                "CREATE TABLE keys (id TEXT PRIMARY KEY, name TEXT UNIQUE, team_id TEXT REFERENCES teams (id),"
                " digest BLOB UNIQUE, created_at REAL NOT NULL)"
            ),
            "CREATE TABLE key_salt (one INTEGER PRIMARY KEY CHECK (one = 1), salt BLOB NOT NULL)",
            "INSERT INTO key_salt VALUES (1, randomblob(32))",
            # Who a row belongs to takes a byte or two in it. A number keeps its pair for ever.
            (
                "CREATE TABLE principals (number INTEGER PRIMARY KEY, key_id TEXT NOT NULL,"
                " team_id TEXT NOT NULL)"
            ),
            "CREATE INDEX principals_key ON principals (key_id)",
            "CREATE INDEX principals_team ON principals (team_id)",
            *(
                f"ALTER TABLE {table} ADD COLUMN principal INTEGER"
                for table in ("decisions", "feedback", "labels", "arms", '"values"')
            ),
            # Decisions used to name in their frame who asked. There are few frames, and rewriting millions of rows
            # would take minutes.
            (
                "CREATE TABLE former_frames AS SELECT id AS frame, 0 AS principal, CASE WHEN json_valid(body) THEN"
                " CASE WHEN json_type(body, '$[2]') IN ('true', 'false') THEN json_extract(body, '$[3]') END END AS key_id"
                " FROM texts"
            ),
            "DELETE FROM former_frames WHERE typeof(key_id) <> 'text'",
            "CREATE UNIQUE INDEX former_frames_frame ON former_frames (frame)",
            "INSERT INTO principals (key_id, team_id) SELECT DISTINCT key_id, '' FROM former_frames",
            (
                "UPDATE former_frames SET principal ="
                " (SELECT number FROM principals p WHERE p.key_id = former_frames.key_id)"
            ),
        ),
    ),
    Migration(
        "0006 prices in the journal",
        (
            # No price: it was taken back. `configured` is what the configuration stated when it was set.
            (
                "CREATE TABLE prices (seq INTEGER PRIMARY KEY, name TEXT NOT NULL, at REAL NOT NULL, price TEXT,"
                " configured TEXT, principal INTEGER)"
            ),
            "CREATE INDEX prices_name ON prices (name, seq)",
            # Prices used to be values, without a place among the rows: they get the next ones.
            (
                "INSERT INTO prices SELECT (SELECT next FROM sequence) - 1 + row_number() OVER (ORDER BY name),"
                " substr(name, 7), CASE WHEN json_type(value, '$.set_at') IN ('real', 'integer')"
                " THEN json_extract(value, '$.set_at') ELSE 0.0 END, json_remove(value, '$.set_at', '$.file'),"
                " CASE WHEN json_type(value, '$.file') = 'object' THEN json_extract(value, '$.file') END, principal"
                " FROM \"values\" WHERE substr(name, 1, 6) = 'price/' AND"
                " CASE WHEN json_valid(value) THEN json_type(value) = 'object' END"
            ),
            "UPDATE sequence SET next = next + (SELECT count(*) FROM prices)",
            "DELETE FROM \"values\" WHERE substr(name, 1, 6) = 'price/'",
        ),
    ),
)


def migrate(connection: sqlite3.Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> list[str]:
    """Brings the schema up to date in one transaction and returns the names of what was applied.

    Safe when several processes start at once. Raises StoreError for a file of a newer version and for
    another program's database.
    """
    names = [migration.name for migration in migrations]
    if applied_to(connection) == names:
        return []
    connection.execute("BEGIN IMMEDIATE")
    try:
        applied = applied_to(connection)
        if applied != names[: len(applied)]:
            unknown = ", ".join(sorted(set(applied) - set(names))) or "the order of its migrations"
            raise StoreError(
                f"the database was written by a newer version (unknown: {unknown}): "
                "upgrade Meritorder, or point it at another file"
            )
        if not applied:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(
                "CREATE TABLE migrations (name TEXT PRIMARY KEY, position INTEGER NOT NULL, applied_at TEXT)"
            )
        pending = migrations[len(applied) :]
        for position, migration in enumerate(pending, start=len(applied) + 1):
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO migrations VALUES (?, ?, datetime('now'))", (migration.name, position)
            )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return [migration.name for migration in pending]


def check_ours(connection: sqlite3.Connection) -> None:
    """Raises StoreError unless the database holds a journal, of any version. Reads only."""
    if not applied_to(connection):
        raise StoreError("the file holds no journal: name the database of a gateway")


def check_newest(connection: sqlite3.Connection) -> None:
    """Raises StoreError unless the database has the schema of this version. Reads only."""
    if applied_to(connection) != [migration.name for migration in MIGRATIONS]:
        raise StoreError(
            "the database was written by another version: start this one on it, which brings it up to date, or use that one"
        )


def applied_to(connection: sqlite3.Connection) -> list[str]:
    """Returns the names of the migrations that the database has, none for an empty one.

    Reads only. Raises StoreError for another program's database.
    """
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return []
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID or "migrations" not in tables:
        raise StoreError("the file is another program's database: point Meritorder at another file")
    return [row[0] for row in connection.execute("SELECT name FROM migrations ORDER BY position")]
