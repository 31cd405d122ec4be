"""Whoever is stopped is stopped at once, with the tokens that are out: attack cases 160 to 164."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idjag.ras import Account, Identity, Link, NotRedeemed
from idjag.ras.ports import Committed, Record
from idjag.ras.standing import Change, NotBefore, Pause, Resume, Revoke, Thing
from idjag.ras.store_sql import bring_in, open_database
from tests.ras.inquiries import INACTIVE, OTHER_CLIENT, Site, site_config, site_in
from tests.ras.stores import KINDS, Durable
from tests.ras.stores import record as said_record
from tests.ras.test_client_auth import by_key
from tests.ras.world import (
    ALICE,
    CLIENT,
    IDP,
    KEY_CLIENT,
    NOW,
    OTHER_IDP,
    assert_refused,
    body,
    client,
    grant,
    trusted,
)

Act = Callable[[Site], None]


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Over each kind of store."""
    with site_in(request.param, tmp_path) as made:
        yield made


def said(change: Any) -> Act:
    return lambda site: site.say(change)


def configured(**changes: Any) -> Act:
    return lambda site: site.ras.configure(site_config(**changes))


def account(**changes: Any) -> Act:
    return lambda site: site.store.put(replace(site.store.by_id("u-alice"), **changes))


def clients_without(client_id: str) -> tuple[Any, ...]:
    return tuple(each for each in site_config().clients if each.client_id != client_id)


ACCOUNT, ISSUER = Thing("account", "u-alice"), Thing("issuer", IDP)
BACK = configured()
OTHERS_ALONE = (*clients_without(CLIENT), client(issuers=frozenset({OTHER_IDP})))
STOPS: list[tuple[str, Act, Act, tuple[str, str, str]]] = [
    (
        "account paused by an operator",
        said(Pause(ACCOUNT, "left", "0@host")),
        said(Resume(ACCOUNT)),
        ("access_denied", "account_disabled", "account_disabled"),
    ),
    (
        "account disabled by its owner",
        account(active=False),
        account(active=True),
        ("access_denied", "account_disabled", "account_disabled"),
    ),
    (
        "issuer paused by an operator",
        said(Pause(ISSUER, "breach", "0@host")),
        said(Resume(ISSUER)),
        ("invalid_grant", "issuer_not_trusted", "issuer_not_trusted"),
    ),
    (
        "issuer paused in the configuration",
        configured(trusted_issuers=(trusted(active=False), trusted(OTHER_IDP))),
        BACK,
        ("invalid_grant", "issuer_not_trusted", "issuer_not_trusted"),
    ),
    (
        "issuer expired",
        configured(trusted_issuers=(trusted(expires=NOW), trusted(OTHER_IDP))),
        BACK,
        ("invalid_grant", "issuer_not_trusted", "issuer_not_trusted"),
    ),
    (
        "client may not bring this issuer any more",
        configured(clients=OTHERS_ALONE),
        BACK,
        ("invalid_grant", "issuer_not_trusted", "issuer_not_trusted"),
    ),
    (
        "client removed",
        configured(clients=clients_without(CLIENT)),
        BACK,
        ("invalid_client", "client_unknown", "client_unknown"),
    ),
    (
        "client paused",
        lambda site: site.ras.configure(site_config(clients=(*clients_without(CLIENT), paused_client()))),
        BACK,
        ("invalid_client", "client_disabled", "client_unknown"),
    ),
]


def paused_client() -> Any:
    wiki = client()
    assert wiki.registration is not None
    return replace(wiki, registration=replace(wiki.registration, active=False))


@pytest.mark.parametrize(("_what", "stop", "back", "expected"), STOPS, ids=[stop[0] for stop in STOPS])
def test_a_stop_is_in_force_for_the_next_request_and_so_is_its_end(
    site: Site, _what: str, stop: Act, back: Act, expected: tuple[str, str, str]
) -> None:
    """RAS-47, RAS-44, attack cases 158, 160, 161 and 163: redemption refused, introspection inactive."""
    error, reason, inactive = expected
    token, assertion = site.redeemed(), grant()
    assert site.active(token)
    stop(site)
    refused = site.post({"assertion": assertion})
    assert (body(refused)["error"], site.event().fields["reason"]) == (error, reason)
    told = site.introspect(token)
    assert (told.status, body(told)) == (200, INACTIVE)
    assert site.event().fields["reason"] == inactive
    back(site)
    assert site.active(token)
    assert site.post({"assertion": assertion}).status == 200  # and nobody's jti was burnt meanwhile


class Overtaken(Durable):
    """Somebody with another connection says something between our look and our commit."""

    said: tuple[Change, ...] = ()

    def commit(self, record: Record) -> Any:
        if record.issued is not None and self.said:
            at = self.database.at
            assert isinstance(at, Path)
            with closing(open_database(at, kek_file=at.with_name("kek"))) as other:
                changes, self.said = self.said, ()
                assert other.store.commit(said_record(changes=changes, event=None)) is Committed
        return super().commit(record)


class Reloaded(Durable):
    """The file disables Alice between our look and our commit."""

    def commit(self, record: Record) -> Any:
        if record.issued is not None:
            alice = Account("u-alice", email="alice@acme.example", active=False)
            bring_in(
                self.database.ledger, [alice], {Link(IDP, "", ALICE): "u-alice"}, now=NOW, decision_id="x"
            )
        return super().commit(record)


def test_whom_the_file_disables_in_the_middle_of_a_redemption_gets_no_token(tmp_path: Path) -> None:
    """RAS-47, attack case 160: the reload has been answered, so that no token may be written after it."""
    with site_in("sqlite", tmp_path) as made:
        site = Site(store=Reloaded(made.store.database), config=site_config())
        assert_refused(site, site.post(), "access_denied", "account_disabled")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Pause(ACCOUNT, "left", "0@host"), "account_disabled"),
        (Pause(ISSUER, "breach", "0@host"), "issuer_not_trusted"),
        (NotBefore(ACCOUNT, NOW + 1), "grant_too_old"),
    ],
    ids=["account", "issuer", "not before"],
)
def test_what_is_said_in_the_middle_of_a_redemption_stops_it(
    tmp_path: Path, change: Change, reason: str
) -> None:
    """RAS-47: judged on facts of the transaction that makes the token durable, over two connections."""
    with site_in("sqlite", tmp_path) as made:
        store = Overtaken(made.store.database)
        store.said = (change,)
        site = Site(store=store, config=site_config())
        assert site.post().status == 400
        assert site.event().fields["reason"] == reason
        assert [event.name for event in site.store.events] == ["id_jag.refused"]


def test_an_issuer_that_is_removed_takes_its_tokens_with_it(site: Site) -> None:
    """Attack case 163: with the clients that named it alone; keys are dropped."""
    token = site.redeemed()
    left = client(issuers=frozenset({OTHER_IDP}))
    callers = site_config().callers
    site.ras.configure(
        site_config(
            trusted_issuers=(trusted(OTHER_IDP),),
            clients=(left,),
            callers=replace(callers, revokers=()),
        )
    )
    assert_refused(site, site.post(), "invalid_grant", "issuer_not_trusted")
    assert body(site.introspect(token)) == INACTIVE
    assert site.keys.forgotten == [IDP]
    site.ras.forget(OTHER_IDP)
    assert site.keys.forgotten == [IDP, OTHER_IDP]


def test_an_account_that_is_gone_takes_its_tokens_with_it(tmp_path: Path) -> None:
    """Attack case 158: deleted, or moved to another tenant of ours."""
    with site_in("memory", tmp_path) as site:
        token = site.redeemed()
        site.store.put(replace(site.store.by_id("u-alice"), tenant="globex"))
        assert body(site.introspect(token)) == INACTIVE
        del site.store._accounts["u-alice"]
        assert body(site.introspect(token)) == INACTIVE


def test_a_client_that_comes_back_in_another_tenant_is_another(site: Site) -> None:
    """RAS-18, attack case 161: same id, other registration."""
    token = site.redeemed()
    site.ras.configure(site_config(clients=(*clients_without(CLIENT), client(tenant="globex"))))
    assert body(site.introspect(token)) == INACTIVE


def test_an_issuer_s_tenant_that_is_not_accepted_any_more(site: Site) -> None:
    """TEN-08: an issuer of one tenant that becomes one of several: its people have other names now."""
    token = site.redeemed()
    several = replace(trusted(), tenants=frozenset({"t-1"}))
    site.ras.configure(site_config(trusted_issuers=(several, trusted(OTHER_IDP))))
    assert body(site.introspect(token)) == INACTIVE


@pytest.mark.parametrize(
    "change",
    [Revoke("account_id", "u-alice"), Revoke("client_id", CLIENT), Revoke("issuer", IDP)],
    ids=lambda change: change.by,
)
def test_tokens_are_ended_together(site: Site, change: Revoke) -> None:
    """Attack case 164: by account, by client, by issuer; what is redeemed later is good."""
    token = site.redeemed()
    site.say(change)
    assert body(site.introspect(token)) == INACTIVE
    assert site.event().fields["reason"] == "token_revoked"
    assert site.active(site.redeemed())


@pytest.mark.parametrize("change", [Revoke("account_id", "u-bob"), Revoke("client_id", OTHER_CLIENT)])
def test_tokens_of_others_stay(site: Site, change: Revoke) -> None:
    """Attack case 164."""
    token = site.redeemed()
    site.say(change)
    assert site.active(token)


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 400),
        ({"auth_time": NOW}, 200),
        ({"auth_time": None}, 200),
        ({"iat": NOW - 1, "auth_time": None}, 400),
        ({"iat": NOW - 1, "auth_time": NOW}, 400),
    ],
    ids=str,
)
def test_both_iat_and_auth_time_must_be_new_enough(site: Site, claims: dict[str, Any], status: int) -> None:
    """AT-08: a fresh grant of a session that was ended is none."""
    site.say(NotBefore(ACCOUNT, NOW))
    reply = site.post({"assertion": grant(**claims)})
    assert reply.status == status
    if status == 400:
        assert_refused(site, reply, "invalid_grant", "grant_too_old")


def test_a_proof_is_used_up_and_a_grant_is_not(site: Site) -> None:
    """RAS-20, CAU-05: what is always claimed is claimed with a stop too."""
    site.say(Pause(ACCOUNT, "left", "0@host"))
    parameters = by_key()
    refused = site.post(parameters, authorization=None)
    assert_refused(site, refused, "access_denied", "account_disabled")
    again = site.post(parameters, authorization=None)
    assert_refused(site, again, "invalid_client", "client_assertion_replay")
    site.say(Resume(ACCOUNT))
    fresh = by_key(assertion=parameters["assertion"])
    assert site.post(fresh, authorization=None).status == 200
    assert KEY_CLIENT in site.event().fields["client_id_at_resource"]


def test_signing_in_is_stopped_too(site: Site) -> None:
    """RAS-25: an operator's pause is not gone around by another door."""
    identity = Identity(IDP, "alice-at-acme")
    assert site.ras.signed_in(identity) == "u-alice"
    for thing in (ACCOUNT, ISSUER):
        site.say(Pause(thing, "x", "0@host"))
        with pytest.raises(NotRedeemed):
            site.ras.signed_in(identity)
        assert site.event().name == "login.failed"
        site.say(Resume(thing))
    assert site.ras.signed_in(identity) == "u-alice"
