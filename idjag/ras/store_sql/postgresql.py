"""Makes the tables and secrets of a RAS in PostgreSQL, one server at a time, and opens the ledger there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from idjag.ledger.entry import Row, Value
from idjag.ledger.postgres import PostgresLedger
from idjag.ledger.postgres_wire import Wire
from idjag.ledger.run import Load
from idjag.ras.store_sql.secrets import open_secrets
from idjag.ras.store_sql.tables import additions, statements
from idjag.seal import Sealer

__all__ = ["SchemaRefused", "is_made", "look", "open_ledger"]

# Any number that nobody else uses: "idjagr" in ASCII.
_OPENING = 0x69646A616772
_SECONDS = 60
_NAME = re.compile(r"CREATE (?:TABLE|INDEX) IF NOT EXISTS (\w+)")

_RELATIONS = (
    "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
    "WHERE nspname = current_schema()"
)
_COLUMNS = (
    "SELECT column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND table_name = %s"
)


class SchemaRefused(Exception):
    """The database is another program's; the message says what to change."""


def open_ledger(url: str, *, kek_file: Path, load: Load[None]) -> tuple[PostgresLedger[None], Sealer, bytes]:
    """The ledger, not started; the sealer; the key of the chain.

    Raises SchemaRefused, KekRefused, ServerRefused, psycopg.Error.
    """
    with _alone(url) as wire:
        _make_tables(wire)
        secrets = {str(row["id"]): row["sealed"] for row in wire.ask(("SELECT * FROM ras_secret", ()))[0]}
        sealer, chain_key = open_secrets(
            {name: sealed for name, sealed in secrets.items() if isinstance(sealed, bytes)},
            lambda name, sealed: wire.ask(
                ("INSERT INTO ras_secret (id, sealed) VALUES (%s, %s)", (name, sealed))
            ),
            kek_file=kek_file,
            make_kek=False,  # every server must be given the same one
        )
    return PostgresLedger(url, load=load, chain_key=chain_key, counting=False), sealer, chain_key


def is_made(url: str) -> bool:
    """Whether a server has been here; raises ServerRefused, psycopg.Error."""
    with closing(Wire(url)) as wire:
        return "ras_secret" in _relations(wire)


def look(url: str, text: str, values: Sequence[Value]) -> list[Row]:
    """The rows that answer one question; raises ServerRefused, psycopg.Error."""
    with closing(Wire(url)) as wire:
        return wire.ask((text, values))[0]


@contextmanager
def _alone(url: str) -> Iterator[Wire]:
    """A transaction that no other server makes tables in; what is not finished is undone."""
    with closing(Wire(url)) as wire:
        patience, wire.patience = wire.patience, _SECONDS + wire.patience
        limit = (f"SET LOCAL lock_timeout = '{_SECONDS}s'", ())
        wire.ask(("BEGIN", ()), limit, (f"SELECT pg_advisory_xact_lock({_OPENING})", ()))
        wire.patience = patience
        yield wire
        wire.ask(("COMMIT", ()))


def _make_tables(wire: Wire) -> None:
    """What is missing, and nothing else: to make an index that is there would wait for every writer."""
    there = _relations(wire)
    ours = {_name(statement): statement for statement in statements("postgresql")}
    if "ras_secret" not in there and (others := there & {*ours, "alembic_version"}):
        raise SchemaRefused(
            f"the PostgreSQL database has tables of something else ({', '.join(sorted(others))}): "
            "give this server a database or a schema of its own"
        )
    missing = [statement for name, statement in ours.items() if name not in there]
    if missing:
        wire.ask(*((statement, ()) for statement in missing))
    added = additions(lambda table: _columns(wire, table))
    if added:
        wire.ask(*((statement, ()) for statement in added))


def _relations(wire: Wire) -> set[str]:
    return {str(row["relname"]) for row in wire.ask((_RELATIONS, ()))[0]}


def _columns(wire: Wire, table: str) -> set[str]:
    return {str(row["column_name"]) for row in wire.ask((_COLUMNS, (table,)))[0]}


def _name(statement: str) -> str:
    found = _NAME.match(statement)
    if found is None:
        raise ValueError("a statement makes a table or an index")
    return found[1]
