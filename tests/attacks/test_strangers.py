"""People without credentials: what they cost us, and what of them is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import pytest

from idjag.idp.app import assemble
from idjag.idp.audit import Source
from idjag.idp.snapshot import Snapshot
from idjag.idp.strangers import Strangers
from idjag.ledger.entry import Entry, Facts, Insert, Key, Ledger
from idjag.protocol.errors import Reason, Refused
from tests.asgi_parts import Exchange
from tests.attacks.target import Target, Wire, basic, target
from tests.idp.grants.acme import NOW, acme

R = TypeVar("R")


_HOST = [(b"host", b"idp.acme.example")]


class Counting:
    """A ledger that counts how often it is read and written."""

    def __init__(self, inner: Ledger[Snapshot]) -> None:
        self._inner = inner
        self.reads = self.entries = 0

    def submit(self, entry: Entry[Snapshot, R]) -> Future[R]:
        """Count an entry."""
        self.entries += 1
        return self._inner.submit(entry)

    def commit(self, entry: Entry[Snapshot, R]) -> R:
        """Count an entry."""
        self.entries += 1
        return self._inner.commit(entry)

    def snapshot(self, tenant: str) -> Snapshot:
        """What is at hand costs nothing."""
        return self._inner.snapshot(tenant)

    def fresh(self, tenant: str) -> Snapshot:
        """Count a read."""
        self.reads += 1
        return self._inner.fresh(tenant)

    def read(self, keys: Sequence[Key]) -> Facts:
        """Count a read."""
        self.reads += 1
        return self._inner.read(keys)

    def issued(
        self, tenant: str, *, subject: str, requesting_app: str, resource_app: str
    ) -> tuple[int, int] | None:
        """Count a read."""
        self.reads += 1
        return self._inner.issued(
            tenant, subject=subject, requesting_app=requesting_app, resource_app=resource_app
        )

    def close(self) -> None:
        """Nothing to count."""
        self._inner.close()


@contextmanager
def counted() -> Iterator[tuple[Target, Counting]]:
    """Acme's application over a ledger that counts."""
    with target(None) as made:
        ledger = Counting(made.acme.ledger)
        made.app = assemble(replace(made.acme.services, ledger=ledger))
        yield made, ledger


def _query(wire: Wire) -> None:
    wire.query = b"a=1"


def _get(wire: Wire) -> None:
    wire.method = "GET"


def _garbage(wire: Wire) -> None:
    wire.body = b"%zz"


def _twice(wire: Wire) -> None:
    wire.form.append(("scope", "chat.read"))


def _nobody(wire: Wire) -> None:
    del wire.headers[-1]


def _two_ways(wire: Wire) -> None:
    wire.form.append(("client_secret", "x"))


@pytest.mark.parametrize("bend", [_query, _get, _garbage, _twice, _nobody, _two_ways])
def test_a_request_that_no_rule_could_save_reads_nothing(bend: Callable[[Wire], None]) -> None:
    """Promise P12: what is wrong in itself costs neither a read nor, after the first, a write."""
    with counted() as (idp, ledger):
        for _ in range(20):
            wire = idp.valid("wiki")
            bend(wire)
            assert wire.exchange().through(idp.app).status in (400, 401, 405)
        assert (ledger.reads, ledger.entries) == (0, 1)


def test_wrong_secrets_that_come_together_share_one_look() -> None:
    """Promise P12: a flood of wrong secrets is not a flood of reads, and one write in five counts them."""
    with counted() as (idp, ledger):

        async def flood() -> list[Exchange]:
            wires = [idp.valid("wiki") for _ in range(100)]
            for wire in wires:
                wire.headers[-1] = (b"authorization", basic("wiki", "wrong"))
            return await asyncio.gather(*map(idp.send, wires))

        assert {answer.status for answer in asyncio.run(flood())} == {401}
        assert 1 <= ledger.reads <= 3
        assert ledger.entries <= 1 + 100 // 5
        idp.acme.clock.now += 60
        assert idp.valid("wiki").exchange().through(idp.app).status == 200


def test_pages_of_unknown_origins_share_one_look() -> None:
    """Promise P12, attack case 190: an Origin header costs nobody a read of his own."""
    with counted() as (idp, ledger):
        assert idp.valid("wiki").exchange().through(idp.app).status == 200
        ledger.reads = 0

        async def flood() -> list[Exchange]:
            wires = [idp.valid("wiki") for _ in range(50)]
            for number, wire in enumerate(wires):
                wire.headers.append((b"origin", f"https://{number}.example".encode()))
            return await asyncio.gather(*map(idp.send, wires))

        answers = asyncio.run(flood())
        assert {answer.status for answer in answers} == {200}
        assert {answer.header(b"access-control-allow-origin") for answer in answers} == {None}
        assert ledger.reads <= 3


def test_keys_and_health_that_are_asked_for_together_share_one_look() -> None:
    """Promise P12."""
    with counted() as (idp, ledger):

        async def flood() -> list[int]:
            asked = [Exchange(method="GET", path=path, headers=_HOST) for path in ("/jwks", "/readyz") * 50]
            await asyncio.gather(*(idp.app(one.scope, one.receive, one.send) for one in asked))
            return [one.status for one in asked]

        assert set(asyncio.run(flood())) == {200}
        assert ledger.reads <= 6


def test_whoever_names_a_public_client_is_a_stranger_still() -> None:
    """Contract section 9: a client id is no secret, so naming one must not fill the log."""
    with counted() as (idp, ledger):
        for number in range(20):
            wire = idp.valid("desk")
            wire.form = [
                ("grant_type", "authorization_code"),
                ("code", f"guess-{number}"),
                ("client_id", "desk"),
            ]
            assert wire.exchange().through(idp.app).status == 400
        assert ledger.entries == 1
        event = idp.acme.events()[-1]
        assert (event["event"], event["reason"]) == ("refused.before_authentication", "code_unknown")
        assert event["actor"] == {"kind": "stranger", "id": "198.51.100.9"}
        assert event["requesting_app"] == idp.acme.app_id("desk")


def recorded(strangers: Strangers, ip: str, *, now: int = NOW, reason: Reason = Reason.CLIENT_UNKNOWN) -> str:
    """The address under which a refusal was recorded; "-" when it was only counted."""
    event = strangers.event(Refused(reason), Source("d", now, ip, ""))
    return "-" if event is None else str(event.fields["ip"])


def test_more_strangers_than_can_be_told_apart_count_together() -> None:
    """Contract section 9: nobody hides by being many; the next minute starts over."""
    strangers = Strangers()
    for number in range(Strangers.LIMIT):
        assert recorded(strangers, f"198.51.{number // 256}.{number % 256}") != "-"
    assert [recorded(strangers, f"203.0.113.{number}") for number in range(3)] == ["", "-", "-"]
    assert recorded(strangers, "203.0.113.9", reason=Reason.CLIENT_SECRET_WRONG) == ""
    assert recorded(strangers, "198.51.0.0") == "-"
    assert recorded(strangers, "203.0.113.0", now=NOW + 60) == "203.0.113.0"


def test_an_ipv6_stranger_is_one_however_many_addresses_it_takes() -> None:
    """A /64 is what one subscriber has."""
    strangers = Strangers()
    assert recorded(strangers, "2001:db8::1") == "2001:db8::1"
    assert recorded(strangers, "2001:db8::ffff:1") == "-"
    assert recorded(strangers, "2001:db8:0:1::1") == "2001:db8:0:1::1"
    assert recorded(strangers, "") == ""


@pytest.mark.parametrize("place", ["audience", "grant_type", "subject_token_type", "requested_token_type"])
def test_a_secret_in_the_wrong_field_is_written_nowhere(place: str) -> None:
    """Attack case 199: right and wrong fields; only scopes are kept as they were asked."""
    canary = "canary-S3cr3t-of-somebody"
    with target(None) as idp:
        assert idp.valid("wiki", **{place: canary}).exchange().through(idp.app).status == 400
        assert canary not in repr(idp.acme.events())


def test_a_name_that_is_almost_right_is_still_shown_to_the_administrator() -> None:
    """Architecture section 5: a near miss is recognised, a URI is recorded as it came."""
    with target(None) as idp:
        idp.valid("wiki", audience="http://acme.chat.example").exchange().through(idp.app)
        fact = idp.acme.events()[-1]["inputs"]["fact"]
        assert fact == {"audience": "http://acme.chat.example", "near": "https://acme.chat.example/"}
        idp.valid("wiki", audience="acme.chat.example").exchange().through(idp.app)
        assert idp.acme.events()[-1]["inputs"]["fact"] == {"near": "https://acme.chat.example/"}


def test_a_sub_that_another_tenant_has_too_is_ours_all_the_same() -> None:
    """Attack case 165: subs are importable, so they repeat between tenants and never inside one."""
    with acme() as idp:
        token = idp.sign_in()
        sub = idp.row("subject", "person_id", idp.person("alice"))["sub"]
        row = {"id": "foreign", "tenant_id": "t2", "person_id": "mallory", "sector": "", "sub": sub}
        idp.write(Insert("subject", row))
        assert idp.exchange(token).error == "issued"
