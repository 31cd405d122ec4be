"""What a serving RAS does beside its requests for its audit log: checkpoints elsewhere, and retention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idjag.ledger.checkpointing import Checkpoints, checkpointing
from idjag.ledger.gate import write_gate
from idjag.ledger.recurring import Recurring
from idjag.ledger.retention import Pruning
from idjag.ledger.sqlite import connect
from idjag.ras.places import PostgresUrl
from idjag.ras.server import new_id
from idjag.ras.store_sql.opening import Database
from idjag.ras.store_sql.tables import TENANT

__all__ = ["Rows", "upkeep"]

_RETENTION_EVERY: Final = 3600.0
_RESTORED: Final = (
    "run idjag ras issuers not-before for each issuer, then move the file of checkpoints away: "
    "the next start begins a new one"
)


@contextmanager
def upkeep(
    database: Database,
    *,
    checkpoint: Path | str | None,
    retention: int | None,
    clock: Callable[[], int],
) -> Iterator[None]:
    """Both while the ``with`` lasts, as far as they are wanted; ``retention`` is in seconds.

    Raises CheckpointsWrong.
    """
    ledger, key = database.ledger, database.chain_key
    with ExitStack() as stack:
        if checkpoint is not None:
            heads = Checkpoints(ledger, TENANT, to=checkpoint, key=key, clock=clock)
            stack.enter_context(checkpointing(heads, to=checkpoint, restored=_RESTORED))
        if retention is not None:
            kept = Pruning(ledger, Rows(database), TENANT, retention, key, clock, new_id)
            stack.enter_context(Recurring("retention", kept.run, seconds=_RETENTION_EVERY))
        yield


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of the audit log in an open database."""

    database: Database = field(repr=False)

    def first(self) -> int | None:
        """The lowest number there is."""
        [row] = self.database.look("SELECT min(no) AS no FROM audit WHERE tenant = %s", (TENANT,))
        return row["no"] if isinstance(row["no"], int) else None

    def remove(self, last: int) -> None:
        """Everything up to that number; raises TimeoutError, sqlite3.Error, psycopg.Error."""
        at = self.database.at
        if isinstance(at, PostgresUrl):
            from idjag.ras.store_sql import postgresql

            postgresql.look(at.url, "DELETE FROM audit WHERE tenant = %s AND no <= %s", (TENANT, last))
            return
        with closing(connect(at)) as connection:
            with write_gate(at):
                connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM audit WHERE tenant = ? AND no <= ?", (TENANT, last))
            connection.execute("COMMIT")
