"""Telling apps that sessions have ended: OpenID Connect Back-Channel Logout section 2.5, with patience.

Each try is claimed first, by a one-time id: of several nodes one makes it, and whoever dies in it leaves the
notice to be tried again.  An app may so be told twice, and never by two at the same moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlencode

from idjag.idp.facts import integer, string
from idjag.idp.logout.notices import Order, client_of, expand, key_of
from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.ledger.entry import Delete, Entry, Event, Facts, Key, Ledger, OneTime, Row, Update, Verdict, Write
from idjag.protocol import logout_token
from idjag.protocol.jose import jws
from idjag.protocol.logout_token import LogoutToken
from idjag.trust.fetch import FetchFailed, Poster

__all__ = ["Delivery", "wait_after"]

_TABLE: Final = "logout_notice"
_LEASE: Final = 60  # seconds within which a try is over, or its node is
_AT_ONCE: Final = 64  # rows that are looked at in one round
_APPS_AT_ONCE: Final = 8
_MAX_ANSWER: Final = 4096
_WAITS: Final = (10, 30, 120, 300, 900, 3600)

Due: TypeAlias = Callable[..., Sequence[str]]
"""``due(table, column, before=, limit=)``: ids of rows whose time has come."""


@dataclass(frozen=True, slots=True)
class _Notice:
    """One notice as it was found."""

    id: str
    app_id: str
    person_id: str
    attempts: int
    due: int
    expires: int

    @property
    def once(self) -> OneTime:
        """This try of it, which one node makes."""
        return OneTime(_TABLE, "", f"{self.id} {self.attempts} {self.due}", self.expires)

    @property
    def as_found(self) -> Row:
        """What its row says, unless somebody was there meanwhile."""
        return {"id": self.id, "attempts": self.attempts, "due": self.due}

    @classmethod
    def of(cls, row: Row) -> _Notice:
        return cls(
            id=string(row, "id"),
            app_id=string(row, "app_id"),
            person_id=string(row, "person_id"),
            attempts=integer(row, "attempts"),
            due=integer(row, "due"),
            expires=integer(row, "expires"),
        )


def wait_after(attempts: int) -> int:
    """Seconds from a failed try to the next; ``attempts`` counts those that were made."""
    return _WAITS[min(attempts, len(_WAITS)) - 1]


@dataclass(frozen=True, slots=True)
class Delivery:
    """The deliveries of one process."""

    ledger: Ledger[Snapshot] = field(repr=False)
    tenant: str
    issuer: str
    poster: Poster = field(repr=False)
    due: Due
    clock: Callable[[], int]
    new_id: Callable[[], str]

    def run(self, stopping: Callable[[float], bool]) -> None:
        """Tell whoever is to be told, until nothing is due or the process stops."""
        while not stopping(0) and self._round():
            pass

    def _round(self) -> bool:
        """One round; whether there was anything.  Each app has a line of its own, and waits for no other."""
        ids = self.due(_TABLE, "due", before=self.clock(), limit=_AT_ONCE)
        keys = [key_of(one) for one in ids]
        found = self.ledger.read(keys) if keys else None
        rows = [row for key in keys if found for row in found(key) if row["tenant_id"] == self.tenant]
        lines: dict[str, list[_Notice]] = {}
        for row in rows:
            order = Order.of(row)
            if order is not None:
                expand(self.ledger, order, now=self.clock(), new_id=self.new_id)
            else:
                lines.setdefault(string(row, "app_id"), []).append(_Notice.of(row))
        if lines:
            with ThreadPoolExecutor(_APPS_AT_ONCE, thread_name_prefix="idjag-logout") as threads:
                list(threads.map(self._line, lines.values()))
        return bool(rows)

    def _line(self, notices: Sequence[_Notice]) -> None:
        """One app's notices, in turn.  One that fails takes the others along: they would fail as well."""
        for number, notice in enumerate(notices):
            problem = self._tell(notice)
            if problem is not None:
                self._postpone(notice, notices[number + 1 :], problem)
                return

    def _tell(self, notice: _Notice) -> str | None:
        """One try; why it failed, if it did."""
        now = self.clock()
        claimed = self._claim(notice, now=now)
        if claimed is None:
            return None  # another node's, or settled by now
        client, token = claimed
        if now >= notice.expires:
            self._settle(notice, "logout.abandoned", problem="no answer in a day")
            return None
        if client is None or client.logout_uri is None:
            self._settle(notice, "logout.abandoned", problem="the app is to be told no more")
            return None
        try:
            form = urlencode({"logout_token": token}).encode("ascii")
            self.poster.post(client.logout_uri, form, max_bytes=_MAX_ANSWER)
        except FetchFailed as failed:
            return failed.problem
        self._settle(notice, "logout.delivered")
        return None

    def _claim(self, notice: _Notice, *, now: int) -> tuple[RegisteredApp | None, str] | None:
        """The app and a fresh logout token, if this try is ours; raises Unavailable."""
        key, subs = key_of(notice.id), Key("subject", "person_id", notice.person_id)

        def decide(snapshot: Snapshot, found: Facts) -> Verdict[tuple[RegisteredApp | None, str] | None]:
            rows = [row for row in found(key) if row["attempts"] == notice.attempts]
            if not rows or integer(rows[0], "due") > now:
                return Verdict(None, (), succeeded=False)
            client = client_of(snapshot, notice.app_id)
            token = self._token(notice, client, snapshot, found(subs), now=now) if client else ""
            later = Update(_TABLE, notice.as_found, {"attempts": notice.attempts + 1, "due": now + _LEASE})
            return Verdict((client, token), (), (later,))

        def lost(_used: OneTime) -> Verdict[tuple[RegisteredApp | None, str] | None]:
            # it is the winner's, unless the notice was written anew within a second: then it is for later
            later = Update(_TABLE, notice.as_found, {"due": now + _LEASE})
            return Verdict(None, (), (later,), succeeded=False)

        return self.ledger.commit(
            Entry(
                self.tenant,
                self.new_id(),
                now,
                decide,
                lost,
                reads=(key, subs),
                consume_on_success=(notice.once,),
                client="logout",
            )
        )

    def _token(
        self, notice: _Notice, client: RegisteredApp, snapshot: Snapshot, subjects: Sequence[Row], *, now: int
    ) -> str:
        """OIDC-21: signed as the app's ID tokens are."""
        subs = [string(row, "sub") for row in subjects if row["sector"] == client.app.sector]
        token = LogoutToken(
            iss=self.issuer,
            aud=client.app.client_id,
            iat=now,
            jti=self.new_id(),
            sid=notice.id,
            sub=subs[0] if subs else None,
        )
        key = snapshot.keys.signing(client.id_token_alg, now=now)
        return jws.sign(logout_token.claims(token), key=key, typ=logout_token.TYP)

    def _settle(self, notice: _Notice, event: str, *, problem: str | None = None) -> None:
        """Nothing is left to do about it; raises Unavailable, and then it is tried again."""
        self._note(notice, event, (Delete(_TABLE, {"id": notice.id}),), problem=problem)

    def _postpone(self, notice: _Notice, others: Sequence[_Notice], problem: str) -> None:
        due = self.clock() + wait_after(notice.attempts + 1)
        writes = [Update(_TABLE, {"id": notice.id}, {"due": due})]
        writes += [Update(_TABLE, one.as_found, {"due": due}) for one in others]
        self._note(notice, "logout.failed", writes, problem=problem)

    def _note(self, notice: _Notice, event: str, writes: Sequence[Write], *, problem: str | None) -> None:
        tried: dict[str, object] = {"attempts": notice.attempts + 1}
        said = Event(
            event,
            {
                "actor": {"kind": "system", "id": "idjag"},
                "requesting_app": notice.app_id,
                "subject": notice.person_id,
                "inputs": tried if problem is None else {**tried, "problem": problem},
            },
        )

        def decide(_snapshot: Snapshot, _found: Facts) -> Verdict[None]:
            return Verdict(None, (said,), writes)

        now = self.clock()
        self.ledger.commit(Entry(self.tenant, self.new_id(), now, decide, client="logout"))
