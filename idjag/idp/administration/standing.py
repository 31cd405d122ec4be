"""What may be done to somebody who is an administrator: stopped, disabled, let in again.

Owners alone lay hands on administrators, and nothing but the host's operator takes the last owner away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from idjag.idp.administration.administrators import TABLE, Everybody
from idjag.idp.administration.appointments import Denied, LastOwner, check_an_owner_stays
from idjag.idp.administration.roles import Permission, Role
from idjag.idp.state.changes import Change
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Facts, Key

__all__ = ["Standing", "Untouchable", "keep_an_owner", "wants_recent_sign_in"]

Untouchable: TypeAlias = Denied | LastOwner


@dataclass(frozen=True, slots=True)
class Standing:
    """One person among the administrators, to be judged inside the transaction that changes something."""

    everybody: Everybody
    person_id: str

    @classmethod
    def of(cls, store: Store, person_id: str) -> Standing:
        """Raises Unavailable."""
        return cls(Everybody.of(store, person_id), person_id)

    @property
    def keys(self) -> tuple[Key, ...]:
        """What to name in ``reads``."""
        return self.everybody.keys

    def touched(self, found: Facts, may: frozenset[Permission]) -> Denied | None:
        """Why somebody with these permissions may not touch them, if so."""
        role = self.everybody.role(found, self.person_id)
        if role is None or Permission.ADMINISTRATORS in may:
            return None
        return Denied("this user is an administrator, whom only an owner stops or lets in again")

    def gone(self, found: Facts, *, now: int) -> LastOwner | None:
        """Why they must not go, if so: nobody would be left who makes administrators."""
        owners = self.everybody.owners(found, now=now)
        return LastOwner() if owners == {self.person_id} else None

    def is_owner(self, found: Facts) -> bool:
        """Whether plans that were made on the owners of before have to be made again."""
        return self.everybody.role(found, self.person_id) is Role.OWNER


def wants_recent_sign_in(store: Store, changes: Collection[Change]) -> bool:
    """Whether nobody at an unattended desk may do this; raises Unavailable.

    It is about keys and secrets of an app that is there, how people sign in, or the account of an
    administrator.
    """
    if any(one.noun == "tenant" or _credentials(one) for one in changes):
        return True
    people = {one.id for one in changes if one.noun == "user" and one.action != "create"}
    key = Key(TABLE, "tenant_id", store.tenant)
    return bool(people) and any(row["person_id"] in people for row in store.ledger.read((key,))(key))


def _credentials(one: Change) -> bool:
    return one.noun == "app" and one.action == "change" and bool({"auth", "secret"} & one.after.keys())


def keep_an_owner(store: Store, changes: Iterable[Change]) -> None:
    """Nobody locks everybody out by a plan: raises LastOwner when the last owner would go as a user.

    For plans that are committed on the policy on which they were made.
    """
    users = [change for change in changes if change.noun == "user"]
    leaving = {one.id for one in users if one.action == "delete" or one.after.get("status") == "disabled"}
    if leaving:
        check_an_owner_stays(store, leaving)
