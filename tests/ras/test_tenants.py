"""Tenants of issuers and tenants of ours: who belongs together (TEN-08, TEN-10, decision 0022)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol.http import Reply
from idjag.ras import Account, Client, JwtSigner, MemoryStore, NotRedeemed, Ras, SubjectRules, TrustedIssuer
from tests.ras.inquiries import Site, site_config
from tests.ras.test_authority import BOTH, BY_MAIL, joining, person
from tests.ras.test_subjects import identity
from tests.ras.world import (
    CLIENT,
    IDP,
    NOW,
    OTHER_IDP,
    FakeKeys,
    World,
    assert_refused,
    client,
    config,
    grant,
    key,
    memory_store,
    request,
    rules,
    trusted,
)

TENANTS = frozenset({"t-acme", "t-globex"})
OF_GLOBEX = SubjectRules(by=("iss_sub", "email"), email_domains=frozenset({"globex.example"}))


def tenants_world(acme: SubjectRules = BY_MAIL, globex: SubjectRules = OF_GLOBEX, **changes: Any) -> World:
    """One issuer of two customers, each of whom speaks for its own people."""
    issuer = TrustedIssuer(IDP, tenants=TENANTS, tenant_subjects={"t-acme": acme, "t-globex": globex})
    usual = {"trusted_issuers": (issuer,), "clients": (client(),)}
    return World(config=config(**usual | changes), store=MemoryStore(memory_store().accounts()))


def mailed(world: World, address: str, tenant: str | None, **changes: Any) -> Reply:
    claims = {"sub": "s", "email": address, "email_verified": True, "tenant": tenant}
    return world.post({"assertion": grant(**claims | changes)})


def test_each_tenant_of_an_issuer_speaks_for_its_own_people() -> None:
    """TEN-08, RAS-24: rules of its own make strategies safe behind one issuer."""
    world = tenants_world()
    assert person(mailed(world, "bob@acme.example", "t-acme")) == "u-bob"
    assert person(mailed(world, "gil@globex.example", "t-globex")) == "u-gil"
    for address, tenant in (("gil@globex.example", "t-acme"), ("alice@acme.example", "t-globex")):
        reply = mailed(world, address, tenant, sub="x")
        assert_refused(world, reply, "access_denied", "account_unknown")
    for unknown in (None, "t-else", "T-ACME"):
        assert_refused(world, mailed(world, "bob@acme.example", unknown), "invalid_grant", "tenant_wrong")


def test_two_tenants_of_an_issuer_do_not_claim_the_same_people() -> None:
    """RAS-24: they are two authorities like any other."""
    with pytest.raises(ValueError, match=r"tenant t-acme\) and .*tenant t-globex\) both claim"):
        tenants_world(BY_MAIL, BY_MAIL)
    told = joining(BY_MAIL, (IDP, "t-globex"))
    world = tenants_world(told, BY_MAIL)
    assert person(mailed(world, "bob@acme.example", "t-globex")) == "u-bob"
    assert person(mailed(world, "bob@acme.example", "t-acme")) == "u-bob"
    assert person(mailed(world, "alice@acme.example", "t-acme", sub="a")) == "u-alice"
    reply = mailed(world, "alice@acme.example", "t-globex", sub="a")
    assert_refused(world, reply, "invalid_grant", "subject_conflict")


def test_a_client_may_be_tied_to_one_tenant_of_an_issuer() -> None:
    """TEN-10: an issuer that serves two customers brings nobody of the one to the client of the other."""
    tied = client(issuers=frozenset({(IDP, "t-acme")}))
    world = tenants_world(clients=(tied,))
    assert person(mailed(world, "bob@acme.example", "t-acme")) == "u-bob"
    reply = mailed(world, "gil@globex.example", "t-globex")
    assert_refused(world, reply, "invalid_grant", "tenant_wrong")
    untied = tenants_world()
    assert person(mailed(untied, "gil@globex.example", "t-globex")) == "u-gil"


def test_signing_in_is_tied_to_our_tenant_as_a_client_is() -> None:
    """TEN-10, RAS-25: the identity provider of one customer signs nobody in to the tenant of another."""
    clients = (client(tenant="acme"), client(issuers=frozenset({OTHER_IDP}), tenant="globex"))
    jit = rules(by=("iss_sub",), jit=True)
    issuers = (trusted(subject=jit), trusted(OTHER_IDP, subject=jit))
    world = World(config=config(clients=clients, trusted_issuers=issuers))
    assert world.ras.signed_in(identity(), tenant="acme")
    for tenant in ("globex", None, "nobody"):
        with pytest.raises(NotRedeemed, match="tenant_wrong"):
            world.ras.signed_in(identity(), tenant=tenant)
    assert world.ras.signed_in(identity(issuer=OTHER_IDP), tenant="globex")


def test_signing_in_is_tied_to_the_tenant_of_the_issuer_too() -> None:
    """TEN-10: (issuer, tenant) and our tenant."""
    tied = client(issuers=frozenset({(IDP, "t-acme")}), tenant="acme")
    world = tenants_world(BY_MAIL, OF_GLOBEX, clients=(tied,))
    world.store.put(Account("u-ann", email="ann@acme.example", tenant="acme"))
    ann = identity(sub="ann", email="ann@acme.example", tenant="t-acme")
    assert world.ras.signed_in(ann, tenant="acme") == "u-ann"
    with pytest.raises(NotRedeemed, match="tenant_wrong"):
        world.ras.signed_in(replace(ann, tenant="t-globex", email="gil@globex.example"), tenant="acme")


def test_a_host_with_clients_of_its_own_says_where_people_may_enter() -> None:
    """``our_tenants``: nothing else ties an issuer to a tenant then."""
    at_home = trusted(OTHER_IDP, our_tenants=frozenset({"globex"}))
    world = World(config=config(trusted_issuers=(trusted(), at_home), clients=()))
    world.store.put(Account("u-gus", email="gus@globex.example", tenant="globex"))
    gus = identity(issuer=OTHER_IDP, sub="gus", email="gus@globex.example")
    assert world.ras.signed_in(gus, tenant="globex") == "u-gus"
    with pytest.raises(NotRedeemed, match="our_tenants does not name it"):
        world.ras.signed_in(gus)


class Table:
    """A host's own clients: the same app in two of its tenants."""

    def client(self, client_id: str, *, tenant: str | None) -> Client | None:
        return client(client_id, tenant=tenant, issuers=BOTH)


def test_a_host_s_own_clients_cannot_open_another_tenant_than_was_said() -> None:
    """TEN-10: ``our_tenants`` holds for grants too; where nothing is said the table is believed."""
    at_home = trusted(OTHER_IDP, our_tenants=frozenset({"globex"}))
    made = config(trusted_issuers=(trusted(), at_home), clients=())
    store = MemoryStore([Account("u-gus", email="gus@globex.example", tenant="globex")])
    store.put(Account("u-ann", email="ann@acme.example", tenant="acme"))
    ras = Ras(
        made,
        keys=FakeKeys(),
        accounts=store,
        store=store,
        signer=JwtSigner(key("ras")),
        clients=Table(),
        clock=lambda: NOW,
    )
    gus = {"iss": OTHER_IDP, "sub": "gus", "email": "gus@globex.example", "email_verified": True}
    assert ras.redeem(grant(key("other"), **gus), client_id=CLIENT, tenant="globex").account_id == "u-gus"
    with pytest.raises(NotRedeemed, match="our_tenants does not name it"):
        ras.redeem(grant(key("other"), **gus), client_id=CLIENT, tenant="acme")
    ann = {"sub": "ann", "email": "ann@acme.example", "email_verified": True}
    assert ras.redeem(grant(**ann), client_id=CLIENT, tenant="acme").account_id == "u-ann"
    with pytest.raises(ValueError, match="not in both"):
        ras.configure(config())


def test_a_tenant_that_is_taken_from_an_issuer_takes_the_tokens_along() -> None:
    """TEN-10, attack case 164: what would not be issued any more is not active any more."""
    store = MemoryStore([Account("u-ann", "ann@acme.example", tenant="acme")])
    made = [site_config(clients=(), trusted_issuers=(trusted(our_tenants={each}),)) for each in ("acme", "x")]
    site = Site(store=store, config=config())
    site.ras = Ras(
        made[0],
        keys=site.keys,
        accounts=store,
        store=store,
        signer=JwtSigner(key("ras")),
        clients=Table(),
        clock=site.clock,
    )
    ann = {"sub": "ann", "email": "ann@acme.example", "email_verified": True}
    token = site.ras.redeem(grant(**ann), client_id=CLIENT, tenant="acme").access_token
    assert site.active(token)
    site.ras.configure(made[1])
    assert not site.active(token)


class Heedless:
    """A host's table that finds a client by its id alone."""

    def client(self, client_id: str, *, tenant: str | None) -> Client | None:  # noqa: ARG002
        return client(client_id, tenant="globex")


def test_a_client_of_another_tenant_than_that_of_the_door_is_nobody() -> None:
    """RAS-18, TEN-10: even when the host's own table does not heed the tenant."""
    store = MemoryStore([Account("u-alice", "alice@acme.example", tenant="globex")])
    ras = Ras(
        config(clients=()),
        keys=FakeKeys(),
        accounts=store,
        store=store,
        signer=JwtSigner(key("ras")),
        clients=Heedless(),
        clock=lambda: NOW,
    )
    alice = {"email": "alice@acme.example", "email_verified": True}
    for door, status in (("acme", 401), ("globex", 200), (None, 200)):
        assert ras.token(request({"assertion": grant(**alice)}), tenant=door).status == status
    with pytest.raises(NotRedeemed, match="client_unknown"):
        ras.redeem(grant(**alice), client_id=CLIENT, tenant="acme")
