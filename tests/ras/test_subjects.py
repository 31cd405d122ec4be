"""Whose account a grant opens, and that nobody opens another's: RAS-21 to RAS-25, TEN-08 to TEN-10."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from idjag.ras import Account, Identity, Link, NotRedeemed, Reply, SubjectRules
from tests.ras.world import (
    ALICE,
    IDP,
    OTHER_IDP,
    World,
    assert_refused,
    body,
    client,
    config,
    grant,
    key,
    rules,
    token_claims,
    trusted,
)

BOB = {"sub": "bob-at-acme", "email": "bob@acme.example", "email_verified": True}
NOBODY = {"sub": "carol-at-acme", "email": "carol@acme.example", "email_verified": True}


def with_rules(**changes: Any) -> World:
    return World(config=config(trusted_issuers=(trusted(subject=rules(**changes)),)))


def person(reply: Reply) -> str:
    assert reply.status == 200, body(reply)
    return str(token_claims(reply)["sub"])


def bring(world: World, **claims: Any) -> Reply:
    return world.post({"assertion": grant(**claims)})


def test_a_linked_person_is_found(world: World) -> None:
    """RAS-21."""
    assert person(bring(world)) == "u-alice"


def test_a_link_stays_when_the_address_changes(world: World) -> None:
    """RAS-21: the key is (issuer, tenant, sub), not what may change."""
    assert person(bring(world, email="a.married@acme.example", email_verified=True)) == "u-alice"


def test_a_verified_address_finds_a_person_and_links_it(world: World) -> None:
    """RAS-24: a hit writes the link, so that the next grant needs no address."""
    assert person(bring(world, **BOB)) == "u-bob"
    assert world.store.links_of("u-bob") == (Link(IDP, "", "bob-at-acme"),)
    assert person(bring(world, sub="bob-at-acme")) == "u-bob"


def test_an_address_counts_in_any_case(world: World) -> None:
    assert person(bring(world, **BOB | {"email": "Bob@ACME.example"})) == "u-bob"


@pytest.mark.parametrize("verified", [None, False, "true", 1, ["true"]], ids=repr)
def test_an_address_counts_only_when_it_is_verified(world: World, verified: Any) -> None:
    """RAS-24, attack case 169: the boolean and nothing like it."""
    reply = bring(world, **BOB | {"email_verified": verified})
    assert_refused(world, reply, "invalid_grant", "identity_claims_missing")
    assert world.store.links_of("u-bob") == ()


@pytest.mark.parametrize(
    "email",
    [
        "bob@globex.example",
        "bob@sub.acme.example",
        "bob@acme.example.evil.example",
        "bob@evil.example@acme.example",
        "bob@acme.examp\u0142e",
        "b\u00f6b@acme.example",
        "@acme.example",
        "bob",
    ],
)
def test_an_issuer_speaks_for_its_own_domains_alone(world: World, email: str) -> None:
    """RAS-24, attack case 169."""
    world.store.put(Account("u-foreign", email="bob@globex.example"))
    reply = bring(world, **BOB | {"email": email})
    assert_refused(world, reply, "access_denied", "account_unknown")


def test_an_address_never_takes_over_a_linked_account(world: World) -> None:
    """RAS-24: alice's address in another person's grant."""
    reply = bring(world, **BOB | {"email": "alice@acme.example"})
    assert_refused(world, reply, "invalid_grant", "subject_conflict")
    assert world.store.links_of("u-alice") == (Link(IDP, "", ALICE),)


def test_an_id_of_ours_never_takes_over_a_linked_account(world: World) -> None:
    """RAS-24: aud_sub is held to the same rule."""
    assert_refused(world, bring(world, sub="x", aud_sub="u-alice"), "invalid_grant", "subject_conflict")


def test_an_id_of_ours_finds_a_person_and_links_it(world: World) -> None:
    """RAS-21."""
    assert person(bring(world, sub="bob-at-acme", aud_sub="u-bob")) == "u-bob"
    assert person(bring(world, sub="bob-at-acme")) == "u-bob"


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": ALICE, "email": "bob@acme.example", "email_verified": True},
        {"sub": ALICE, "aud_sub": "u-bob"},
        {"sub": "new", "aud_sub": "u-bob", "email": "dan@acme.example", "email_verified": True},
    ],
)
def test_strategies_that_disagree_refuse(world: World, claims: dict[str, Any]) -> None:
    """Contract section 5."""
    world.store.put(Account("u-dan", email="dan@acme.example"))
    assert_refused(world, bring(world, **claims), "invalid_grant", "subject_conflict")


def test_a_linked_sub_opens_no_second_account() -> None:
    """RAS-24: not even when links are no strategy."""
    world = with_rules(by=("email",))
    reply = bring(world, email="bob@acme.example", email_verified=True)
    assert_refused(world, reply, "invalid_grant", "subject_conflict")
    assert world.store.links_of("u-bob") == ()


def test_letters_that_fold_into_others_take_nobody_s_account(world: World) -> None:
    """RAS-24: the Kelvin sign becomes a k in lower case."""
    world.store.put(Account("u-kate", email="kate@acme.example"))
    kelvin = {"sub": "k", "email": "\u212aate@acme.example", "email_verified": True}
    assert_refused(world, bring(world, **kelvin), "access_denied", "account_unknown")
    assert person(bring(world, **kelvin | {"email": "KATE@acme.example"})) == "u-kate"


def test_two_accounts_of_one_address_are_nobody(world: World) -> None:
    world.store.put(Account("u-bob-2", email="BOB@acme.example"))
    assert_refused(world, bring(world, **BOB), "invalid_grant", "subject_conflict")


def test_an_account_linked_at_another_issuer_is_not_taken(world: World) -> None:
    """RAS-24: the key holds the issuer; equal subs of two issuers are two people."""
    both = client(issuers=frozenset({IDP, OTHER_IDP}))
    other = trusted(OTHER_IDP, subject=SubjectRules(by=("iss_sub",)))
    world.ras.configure(config(clients=(both,), trusted_issuers=(trusted(), other)))
    reply = world.post({"assertion": grant(key("other"), iss=OTHER_IDP)})
    assert_refused(world, reply, "access_denied", "account_unknown")


@pytest.mark.parametrize("claims", [{"sub": "eve", "email": "eve@acme.example", "email_verified": True}])
def test_a_disabled_person_reads_like_an_unknown_one(world: World, claims: dict[str, Any]) -> None:
    """RAS-44, attack case 104: one text for both."""
    disabled = bring(world, **claims)
    assert_refused(world, disabled, "access_denied", "account_disabled")
    unknown = bring(world, **NOBODY)
    assert_refused(world, unknown, "access_denied", "account_unknown")
    texts = {body(reply)["error_description"].partition(" (ref")[0] for reply in (disabled, unknown)}
    assert len(texts) == 1


def test_a_person_disabled_between_two_grants_is_refused_at_once(world: World) -> None:
    """Attack case 160."""
    assert person(bring(world)) == "u-alice"
    world.store.put(Account("u-alice", active=False))
    assert_refused(world, bring(world), "access_denied", "account_disabled")


def test_a_deleted_account_is_not_made_anew() -> None:
    """A link that leads nowhere keeps others from the place."""
    world = with_rules(jit=True)
    world.store._accounts.pop("u-alice")
    assert_refused(world, bring(world), "access_denied", "account_unknown")


def test_a_person_nobody_can_find_without_claims_is_another_refusal(world: World) -> None:
    """RAS-22."""
    assert_refused(world, bring(world, sub="stranger"), "invalid_grant", "identity_claims_missing")
    by_link = with_rules(by=("iss_sub",))
    assert_refused(by_link, bring(by_link, sub="stranger"), "access_denied", "account_unknown")


def test_a_strategy_that_is_not_configured_is_not_tried() -> None:
    """Contract section 5: ordered strategies, and only those."""
    world = with_rules(by=("iss_sub", "aud_sub"))
    assert_refused(world, bring(world, **BOB), "invalid_grant", "identity_claims_missing")
    world = with_rules(by=("email",))
    assert_refused(world, bring(world), "access_denied", "account_unknown")
    assert person(bring(world, **BOB)) == "u-bob"


def test_a_new_person_is_made_when_that_is_switched_on() -> None:
    """RAS-23: with what the issuer may say, and linked."""
    world = with_rules(jit=True)
    made = person(bring(world, name="Carol", **NOBODY))
    assert world.store.by_id(made) == Account(made, email="carol@acme.example", name="Carol")
    assert world.store.links_of(made) == (Link(IDP, "", "carol-at-acme"),)
    assert world.event().fields["inputs"]["created"] is True
    assert person(bring(world, **NOBODY)) == made
    assert len(world.store.accounts()) == 5


def test_a_new_person_never_gets_an_address_that_the_issuer_does_not_speak_for() -> None:
    """RAS-24: a stored address could be matched by another issuer later."""
    world = with_rules(jit=True, by=("iss_sub",))
    made = person(bring(world, sub="new", email="ceo@globex.example", email_verified=True))
    account = world.store.by_id(made)
    assert account.email is None


@pytest.mark.parametrize(
    ("claims", "error", "reason"),
    [
        (NOBODY | {"email": "x@globex.example"}, "access_denied", "account_unknown"),
        (NOBODY | {"aud_sub": "u-gone"}, "access_denied", "account_unknown"),
        ({"sub": "new"}, "invalid_grant", "identity_claims_missing"),
    ],
)
def test_nobody_is_made_whom_the_claims_do_not_make_out(
    claims: dict[str, Any], error: str, reason: str
) -> None:
    """RAS-22, RAS-23."""
    world = with_rules(jit=True)
    assert_refused(world, bring(world, **claims), error, reason)
    assert len(world.store.accounts()) == 4


def test_an_issuer_with_tenants_must_name_one(world: World) -> None:
    """TEN-08, attack case 166."""
    world.ras.configure(config(trusted_issuers=(trusted(tenants=frozenset({"t-1"})),)))
    for tenant in (None, "t-3", "T-1"):
        assert_refused(world, bring(world, tenant=tenant, **BOB), "invalid_grant", "tenant_wrong")
    assert person(bring(world, tenant="t-1", **BOB)) == "u-bob"
    assert world.store.links_of("u-bob") == (Link(IDP, "t-1", "bob-at-acme"),)


def test_the_tenant_is_part_of_who_a_person_is(world: World) -> None:
    """TEN-08: the same sub in two tenants of an issuer are two people."""
    by_link = rules(by=("iss_sub",), jit=True)
    world.ras.configure(
        config(trusted_issuers=(trusted(tenants=frozenset({"t-1", "t-2"}), subject=by_link),))
    )
    first = person(bring(world, tenant="t-1", sub="s"))
    assert person(bring(world, tenant="t-2", sub="s")) != first
    assert person(bring(world, tenant="t-1", sub="s")) == first


def test_the_tenant_of_a_single_tenant_issuer_says_nothing(world: World) -> None:
    """A-16."""
    assert person(bring(world, tenant="whatever")) == "u-alice"


def test_our_tenant_in_a_grant_must_be_the_client_s(world: World) -> None:
    """TEN-09, attack case 166."""
    assert_refused(world, bring(world, aud_tenant="acme"), "invalid_grant", "tenant_wrong")
    world.ras.configure(config(clients=(client(tenant="acme"),)))
    world.store.put(Account("u-alice", tenant="acme"))
    assert person(bring(world, aud_tenant="acme")) == "u-alice"
    assert_refused(world, bring(world, aud_tenant="globex"), "invalid_grant", "tenant_wrong")


@pytest.mark.parametrize("claims", [{}, {"sub": "x", "aud_sub": "u-alice"}, BOB])
def test_an_account_of_another_tenant_does_not_exist(world: World, claims: dict[str, Any]) -> None:
    """TEN-10, attack case 165: by link, by id and by address."""
    world.ras.configure(config(clients=(client(tenant="globex"),)))
    reply = bring(world, **claims)
    assert_refused(world, reply, "access_denied", "account_unknown")


def identity(**changes: Any) -> Identity:
    """What the host has read from an ID token that it verified."""
    return replace(Identity(IDP, "bob-at-acme", email="bob@acme.example", email_verified=True), **changes)


def test_signing_in_and_redeeming_find_the_same_account(world: World) -> None:
    """RAS-25: whichever comes first writes the link."""
    assert world.ras.signed_in(identity()) == "u-bob"
    assert person(bring(world, sub="bob-at-acme")) == "u-bob"
    other = World()
    assert person(bring(other, **BOB)) == "u-bob"
    assert other.ras.signed_in(identity(email=None)) == "u-bob"
    assert asyncio.run(other.ras.asigned_in(identity(sub=ALICE, email=None))) == "u-alice"


def test_signing_in_makes_the_account_that_a_grant_would_have_made() -> None:
    """RAS-23, RAS-25."""
    first, second = with_rules(jit=True), with_rules(jit=True)
    by_sign_in = first.ras.signed_in(identity(sub="carol", email="carol@acme.example", name="Carol"))
    by_grant = person(bring(second, **NOBODY | {"sub": "carol", "name": "Carol"}))
    made = [world.store.by_id(each) for world, each in ((first, by_sign_in), (second, by_grant))]
    assert [replace(account, id="") for account in made] == [
        Account("", email="carol@acme.example", name="Carol")
    ] * 2
    assert person(bring(first, sub="carol")) == by_sign_in


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"email": "alice@acme.example"}, "subject_conflict"),
        ({"sub": "eve", "email": "eve@acme.example"}, "account_disabled"),
        ({"email_verified": False}, "identity_claims_missing"),
        ({"issuer": "https://evil.example"}, "issuer_not_trusted"),
    ],
)
def test_signing_in_is_held_to_the_same_rules(world: World, changes: dict[str, Any], reason: str) -> None:
    """RAS-24, RAS-25: and recorded."""
    with pytest.raises(NotRedeemed, match=reason) as refusal:
        world.ras.signed_in(identity(**changes))
    event = world.event()
    assert (event.name, event.fields["reason"]) == ("login.failed", reason)
    assert event.fields["decision_id"] == refusal.value.decision_id
    with pytest.raises(NotRedeemed, match=reason):
        asyncio.run(world.ras.asigned_in(identity(**changes)))
    assert world.ras.signed_in(identity()) == "u-bob"
    assert world.event().name == "login.succeeded"


def test_nobody_signs_in_from_an_issuer_that_is_paused(world: World) -> None:
    """RAS-47."""
    world.ras.configure(config(trusted_issuers=(trusted(active=False),)))
    with pytest.raises(NotRedeemed, match="issuer_not_trusted"):
        world.ras.signed_in(identity())


def test_signing_in_knows_our_tenants_and_the_issuer_s(world: World) -> None:
    """TEN-08, TEN-10."""
    with pytest.raises(NotRedeemed, match="tenant_wrong"):
        world.ras.signed_in(identity(), tenant="globex")
    world.ras.configure(config(trusted_issuers=(trusted(tenants=frozenset({"t-1"})),)))
    with pytest.raises(NotRedeemed, match="tenant_wrong"):
        world.ras.signed_in(identity())
    assert world.ras.signed_in(identity(tenant="t-1")) == "u-bob"


@pytest.mark.parametrize("missing", [{"sub": ""}, {"issuer": ""}])
def test_who_is_nobody_at_their_issuer_cannot_be_described(missing: dict[str, str]) -> None:
    """RAS-25: all people of a host that reads no ``sub`` would be one person here."""
    with pytest.raises(ValueError, match="needs the iss and the sub"):
        identity(**missing)
