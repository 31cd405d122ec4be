"""After a backup was restored: nothing that was given out before may be used again.

What was revoked between the backup and the restore is not revoked in it, and nobody can tell any more what
that was.  So everything ends that can be exchanged: sessions, codes, refresh tokens, and the signing keys
that ID tokens and grants of before were signed with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import bindparam, column, delete, func, select, table, update

from idjag.idp.facts import string
from idjag.idp.key_rotation import Keys
from idjag.idp.keys import TABLE, KeyStatus, status_of
from idjag.idp.retention import RetainingLedger
from idjag.idp.snapshot import Snapshot
from idjag.idp.store import schema
from idjag.ledger import landmarks
from idjag.ledger.entry import Entry, Facts, Key, Verdict
from idjag.ledger.schema import new_epoch
from idjag.seal import Sealer

__all__ = ["Ended", "Restore"]

_BORN_BEFORE = ("session_app", "refresh_token", "family", "code", "session")
# What an emergency does first: a key that is planned would take the place of one that is revoked.
_ORDER = (KeyStatus.NEXT, KeyStatus.RETIRING, KeyStatus.ACTIVE)


@dataclass(frozen=True, slots=True)
class Ended:
    """What came to an end; ``newest`` is the time of the last audit row before, None without any."""

    newest: int | None
    sessions: int
    families: int
    keys: int


@dataclass(frozen=True, slots=True)
class Restore:
    """A database that was restored; ``epochs`` are those that checkpoints outside know of it."""

    ledger: RetainingLedger = field(repr=False)
    sealer: Sealer = field(repr=False)
    url: str = field(repr=False)
    tenant: str
    new_id: Callable[[], str]
    epochs: frozenset[str] = frozenset()

    def run(self, *, now: int, actor: Mapping[str, str]) -> Ended:
        """End everything; killed anywhere, it can be run again.  Raises Unavailable, SchemaRefused."""
        head = self.ledger.head(self.tenant)
        newest = self.ledger.audit_rows(self.tenant, after_no=max(0, head.audit_no - 1), limit=1)
        self._say(head.audit_no, before=head.epoch, now=now, actor=actor)
        sessions, families = self._wipe()
        keys = self._replace_keys(now=now, actor=actor)
        return Ended(int(str(newest[0]["time"])) if newest else None, sessions, families, keys)

    def _say(self, no: int, *, before: str, now: int, actor: Mapping[str, str]) -> None:
        event = landmarks.restored(no, before=before, epochs=sorted(self.epochs), actor=dict(actor))

        def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
            return Verdict(None, (event,))

        self.ledger.commit(Entry(self.tenant, self.new_id(), now, decide, urgent=True))

    def _wipe(self) -> tuple[int, int]:
        """One transaction: new epochs for every tenant and person, and the rows themselves."""
        with schema.writing(self.url) as connection:
            count = {
                name: int(connection.scalar(select(func.count()).select_from(table(name))) or 0)
                for name in ("session", "family")
            }
            for name in _BORN_BEFORE:
                connection.execute(delete(table(name)))
            person = table("person", column("epoch"))
            connection.execute(update(person).values(epoch=person.c.epoch + 1))
            heads = table("ledger_head", column("tenant"), column("epoch"))
            for tenant in connection.scalars(select(heads.c.tenant)).all():
                mine = heads.c.tenant == bindparam("mine")
                connection.execute(update(heads).where(mine).values(epoch=new_epoch()), {"mine": tenant})
        return count["session"], count["family"]

    def _replace_keys(self, *, now: int, actor: Mapping[str, str]) -> int:
        """Revoke every key that was restored: it may have been revoked since, and its tokens are alive."""
        every = Key(TABLE, "tenant_id", self.tenant)
        rows = [row for row in self.ledger.read((every,))(every) if status_of(row) in _ORDER]
        changing = Keys(self.ledger, self.sealer, self.tenant, self.new_id)
        for row in sorted(rows, key=lambda row: _ORDER.index(status_of(row))):
            changing.revoke(string(row, "id"), reason="the database was restored", now=now, actor=actor)
        return len(rows)
