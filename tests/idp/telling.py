"""Nodes that tell apps of sessions that ended, for tests; what they sent stays with their fetcher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from idjag.idp.facts import integer
from idjag.idp.logout.delivery import Delivery
from idjag.ledger.entry import Key
from idjag.trust.memory import MemoryFetcher
from tests.idp.oidc_plans.relying_party import HEARD, RelyingParty
from tests.idp.signin.seeds import TENANT
from tests.idp.signin.site import Site
from tests.idp.signin.visit import form_of

__all__ = ["OTHER", "Node", "events", "session_of", "sign_out"]

OTHER = "https://other.example/heard"


@dataclass
class Node:
    """One process that delivers; ``fetcher`` has what apps answer."""

    site: Site
    fetcher: MemoryFetcher = field(default_factory=lambda: MemoryFetcher({HEARD: b"", OTHER: b""}))

    def run(self) -> None:
        site = self.site
        Delivery(
            ledger=site.ledger,
            tenant=TENANT,
            issuer=site.issuer,
            poster=self.fetcher,
            due=self._due,
            clock=site.clock,
            new_id=site.services.new_id,
        ).run(lambda _seconds: False)

    def _due(self, table: str, column: str, *, before: int, limit: int) -> Sequence[str]:
        rows = self.site.rows(table)
        return [str(row["id"]) for row in rows if integer(row, column) <= before][:limit]

    def told(self) -> list[str]:
        """The logout tokens, in the order in which they were sent."""
        return [parse_qs(form.decode())["logout_token"][0] for _, form in self.fetcher.sent]


def sign_out(rp: RelyingParty) -> None:
    """On our page, by the person."""
    page = rp.browser.get("/logout")
    assert rp.browser.post("/logout/confirm", data=form_of(page)).status_code == 200


def events(site: Site) -> list[str]:
    return [event["event"] for event in site.events() if event["event"].startswith(("logout.", "session."))]


def session_of(site: Site, sid: str) -> str:
    """The session that an app knows by this name."""
    key = Key("session_app", "sid", sid)
    [row] = site.ledger.read((key,))(key)
    return str(row["session_id"])
