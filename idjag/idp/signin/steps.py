"""A sign-in between its pages: a row that says what was proven and what it is for, and admits to nothing.

The browser has its cookie and nothing else.  No form says what was proven; the row does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from idjag.idp.factors.proof import Kind, Proof
from idjag.idp.facts import PersonFacts, integer, string
from idjag.idp.services import Services
from idjag.ledger.entry import Delete, Facts, Insert, Key, OneTime, Row, Update, Write

__all__ = ["LIFETIME", "MOST_ATTEMPTS", "Step", "digest", "find"]

LIFETIME: Final = 600  # seconds from the first page to the last
MOST_ATTEMPTS: Final = 5  # wrong answers; then it begins anew, with the password

_REMEMBERED: Final = 600  # seconds: for clocks that differ


@dataclass(frozen=True, slots=True)
class Step:
    """A sign-in half done; ``id`` is the SHA-256 of its cookie, ``secret``.

    ``request`` is what it is for, as text that is checked from the start whenever it is read.  ``session``
    is the one that is to be raised, whose password counts; "" when the password was given just now.
    ``proven``: kind and credential of what was shown.  ``declined``: the person goes on without what the app
    only wished for.
    """

    id: str
    person_id: str
    epoch: int
    expires: int
    request: str = field(repr=False)
    proven: tuple[tuple[Kind, str], ...] = ()
    session: str = ""
    declined: bool = False
    failures: int = 0
    secret: str = field(default="", repr=False)

    @property
    def key(self) -> Key:
        """Its row."""
        return Key("sign_in_step", "id", self.id)

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """What was shown, as if it were shown now; it has been written down."""
        return tuple(Proof(kind, credential) for kind, credential in self.proven)

    @property
    def spent(self) -> bool:
        """Whether every answer that it allows was wrong."""
        return self.failures >= MOST_ATTEMPTS

    @property
    def attempt(self) -> OneTime:
        """Claimed by every answer: of many at once, on however many nodes, one is looked at."""
        until = self.expires + _REMEMBERED
        return OneTime("sign_in_step", self.id, str(self.failures), until)

    def alive(self, found: Facts, person: PersonFacts | None, *, now: int) -> bool:
        """Whether it still is as it was read, and of this person as they are now."""
        rows = found(self.key)
        if not rows or person is None or person.person.id != self.person_id or person.epoch != self.epoch:
            return False
        same = integer(rows[0], "failures") == self.failures < MOST_ATTEMPTS
        return same and now < integer(rows[0], "expires") and rows[0]["spec"] == self._spec()

    def failed(self) -> tuple[Write, ...]:
        """One answer less."""
        return (Update("sign_in_step", {"id": self.id}, {"failures": self.failures + 1}),)

    def over(self) -> tuple[Write, ...]:
        """It has done what it was for, or is taken over by another one."""
        return (Delete("sign_in_step", {"id": self.id}),)

    def insert(self, *, tenant: str, now: int) -> Insert:
        """The row to write."""
        row: Row = {
            "id": self.id,
            "tenant_id": tenant,
            "person_id": self.person_id,
            "epoch": self.epoch,
            "spec": self._spec(),
            "failures": self.failures,
            "created": now,
            "expires": self.expires,
        }
        return Insert("sign_in_step", row)

    def _spec(self) -> str:
        spec = {
            "request": self.request,
            "proven": [list(one) for one in self.proven],
            "session": self.session,
            "declined": self.declined,
        }
        return json.dumps(spec, separators=(",", ":"), sort_keys=True)

    @classmethod
    def of(cls, row: Row, secret: str) -> Step:
        """The step that a row holds."""
        spec: Mapping[str, Any] = json.loads(string(row, "spec"))
        return cls(
            id=string(row, "id"),
            person_id=string(row, "person_id"),
            epoch=integer(row, "epoch"),
            expires=integer(row, "expires"),
            request=spec["request"],
            proven=tuple((kind, credential) for kind, credential in spec["proven"]),
            session=spec["session"],
            declined=spec["declined"],
            failures=integer(row, "failures"),
            secret=secret,
        )


def digest(secret: str) -> str:
    """The id of the step whose cookie has this value."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find(secret: str | None, services: Services, *, now: int) -> Step | None:
    """The step of a cookie; None when there is none any more."""
    if secret is None:
        return None
    key = Key("sign_in_step", "id", digest(secret))
    rows = [row for row in services.ledger.read((key,))(key) if row["tenant_id"] == services.tenant]
    if not rows:
        return None
    step = Step.of(rows[0], secret)
    return step if now < step.expires else None
