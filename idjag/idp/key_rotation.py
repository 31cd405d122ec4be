"""Changing the signing keys of a tenant; how is in ``idjag.key_rotation``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from idjag.idp.keys import TABLE, new_row
from idjag.idp.snapshot import Snapshot
from idjag.key_rotation import AHEAD, SOONEST, Change, KeyUnknown, Rotation
from idjag.ledger.entry import Key, Ledger, Row
from idjag.seal import Sealer

__all__ = ["AHEAD", "SOONEST", "Change", "KeyUnknown", "Keys"]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one tenant, to be changed; ``new_id`` makes kids.

    ``where`` a request for it came from, if one did: ip, user_agent.
    """

    ledger: Ledger[Snapshot] = field(repr=False)
    sealer: Sealer = field(repr=False)
    tenant: str
    new_id: Callable[[], str]
    where: Mapping[str, str] = field(default_factory=dict)

    def rotate(
        self, algs: Sequence[str], *, ahead: int, now: int, actor: Mapping[str, str]
    ) -> tuple[Change, ...]:
        """Plan the next key of each algorithm, to sign ``ahead`` seconds from now; 0 for at once.

        What is planned already stays as it is.  Raises Unavailable.
        """
        return self._rotation.rotate(algs, ahead=ahead, now=now, actor=actor)

    def revoke(self, kid: str, *, reason: str, now: int, actor: Mapping[str, str]) -> tuple[Change, ...]:
        """Trust a key no more, from the next request on; another signs in its place.

        Raises KeyUnknown, Unavailable.
        """
        return self._rotation.revoke(kid, reason=reason, now=now, actor=actor)

    @property
    def _rotation(self) -> Rotation[Snapshot]:
        every = (Key(TABLE, "tenant_id", self.tenant),)
        made = self._new, self.new_id
        return Rotation(self.ledger, self.tenant, TABLE, every, *made, policy=True, where=self.where)

    def _new(self, alg: str, now: int) -> Row:
        return new_row(alg, self.sealer, tenant=self.tenant, now=now, kid=self.new_id())
