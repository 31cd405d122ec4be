"""Who may link whose accounts: decision 0022 (RAS-24, TEN-08, TEN-10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol.http import Reply
from idjag.ras import (
    Client,
    Identity,
    Link,
    MemoryStore,
    NotRedeemed,
    RasConfig,
    SubjectRules,
    TrustedIssuer,
)
from idjag.ras.ports import Record
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
    memory_store,
    token_claims,
    trusted,
)

ACME = frozenset({"acme.example"})
SAML = frozenset({"https://saml.acme.example/metadata"})
BOTH = frozenset({IDP, OTHER_IDP})
BY_MAIL = SubjectRules(by=("iss_sub", "email"), email_domains=ACME)
BY_NAME = SubjectRules(by=("iss_sub", "sub_id"), sub_id_issuers=SAML)
BY_ID = SubjectRules(by=("iss_sub", "aud_sub"))
BY_LINK = SubjectRules()


def joining(rules_: SubjectRules, *refs: Any) -> SubjectRules:
    return replace(rules_, joins=frozenset(refs))


def two(one: SubjectRules, other: SubjectRules, *clients: Client) -> RasConfig:
    """Two issuers with these rules; by default nobody knows which tenants of ours they lead to."""
    issuers = (TrustedIssuer(IDP, subject=one), TrustedIssuer(OTHER_IDP, subject=other))
    return config(trusted_issuers=issuers, clients=clients)


def both_of(*tenants: str | None) -> tuple[Client, ...]:
    """A client of each issuer, in these tenants of ours."""
    first, second = tenants
    return (
        client("one", issuers=frozenset({IDP}), tenant=first, registration=None),
        client("other", issuers=frozenset({OTHER_IDP}), tenant=second, registration=None),
    )


CLAIMED_TWICE = [
    pytest.param(BY_MAIL, BY_MAIL, "both claim email_domains acme.example", id="a mail domain"),
    pytest.param(BY_NAME, BY_NAME, "both claim sub_id_issuers https://saml", id="a SAML issuer"),
    pytest.param(BY_ID, BY_LINK, "by aud_sub .* could name the people of", id="our own ids"),
    pytest.param(BY_ID, BY_ID, "by aud_sub .* could name the people of", id="our own ids, both"),
]


@pytest.mark.parametrize(("one", "other", "message"), CLAIMED_TWICE)
@pytest.mark.parametrize(
    "clients", [both_of(None, None), both_of("acme", "acme"), ()], ids=["no tenant", "one tenant", "unknown"]
)
def test_two_issuers_do_not_claim_the_same_people(
    one: SubjectRules, other: SubjectRules, message: str, clients: tuple[Client, ...]
) -> None:
    """RAS-24: whoever came first would own the account, so that it is an error of the configuration."""
    with pytest.raises(ValueError, match=message):
        two(one, other, *clients)
    told = joining(one, OTHER_IDP), joining(other, IDP)
    assert two(*told, *clients).trusted_issuers


@pytest.mark.parametrize(("one", "other", "message"), CLAIMED_TWICE)
def test_people_of_different_tenants_of_ours_never_meet(
    one: SubjectRules, other: SubjectRules, message: str
) -> None:
    """TEN-10: a sandbox and a production tenant may have one mail domain."""
    assert two(one, other, *both_of("production", "sandbox")).trusted_issuers
    with pytest.raises(ValueError, match=message):
        two(one, other, *both_of("production", "sandbox"), *both_of("x", "x"))


@pytest.mark.parametrize("one_sided", [True, False], ids=["one says so", "the other does"])
def test_it_is_enough_that_somebody_has_thought_of_it(*, one_sided: bool) -> None:
    """Decision 0022: a domain may be moved from one identity provider to another."""
    one = joining(BY_MAIL, OTHER_IDP) if one_sided else BY_MAIL
    other = BY_MAIL if one_sided else joining(BY_MAIL, IDP)
    assert two(one, other).trusted_issuers


def test_who_names_our_ids_must_itself_be_told() -> None:
    """``aud_sub`` names anybody: that the other one would let it is not enough."""
    with pytest.raises(ValueError, match="aud_sub"):
        two(BY_ID, joining(BY_LINK, IDP))
    assert two(joining(BY_ID, OTHER_IDP), BY_LINK).trusted_issuers


def test_an_issuer_that_is_paused_claims_its_people_all_the_same() -> None:
    """It may be resumed, and nobody would look again."""
    paused = TrustedIssuer(OTHER_IDP, subject=BY_MAIL, active=False)
    with pytest.raises(ValueError, match="both claim"):
        config(trusted_issuers=(TrustedIssuer(IDP, subject=BY_MAIL), paused), clients=())


def test_a_domain_that_is_no_strategy_is_claimed_by_nobody() -> None:
    """The positive control: ``email_domains`` without ``email``."""
    assert two(BY_MAIL, replace(BY_MAIL, by=("iss_sub",))).trusted_issuers


def world_of(one: SubjectRules, other: SubjectRules, **changes: Any) -> World:
    issuers = (trusted(subject=one), trusted(OTHER_IDP, subject=other))
    return World(config=config(clients=(client(issuers=BOTH),), trusted_issuers=issuers), **changes)


def by_mail(world: World, name: str, issuer: str = IDP, *, sub: str = "") -> Reply:
    """A grant for somebody of acme.example, from either issuer."""
    signer = key("idp") if issuer == IDP else key("other")
    claims = {"email": f"{name}@acme.example", "email_verified": True}
    return world.post({"assertion": grant(signer, iss=issuer, sub=sub or f"{name}-there", **claims)})


def person(reply: Reply) -> str:
    assert reply.status == 200, body(reply)
    return str(token_claims(reply)["sub"])


def test_an_account_that_one_issuer_linked_is_closed_to_another() -> None:
    """RAS-24: never across issuers, whatever the domains say."""
    world = world_of(joining(BY_MAIL, OTHER_IDP), BY_MAIL)
    assert_refused(world, by_mail(world, "alice", OTHER_IDP), "invalid_grant", "subject_conflict")
    assert world.event().fields["inputs"]["facts"]["other"] == IDP
    assert world.store.links_of("u-alice") == (Link(IDP, "", ALICE),)
    assert person(by_mail(world, "bob", OTHER_IDP)) == "u-bob"


def test_an_issuer_that_joins_another_enters_its_accounts_and_not_the_other_way_round() -> None:
    """Decision 0022: from the old identity provider to the new one."""
    world = world_of(BY_MAIL, joining(BY_MAIL, IDP))
    assert person(by_mail(world, "alice", OTHER_IDP)) == "u-alice"
    assert set(world.store.links_of("u-alice")) == {
        Link(IDP, "", ALICE),
        Link(OTHER_IDP, "", "alice-there"),
    }
    assert person(by_mail(world, "bob", OTHER_IDP)) == "u-bob"
    assert_refused(world, by_mail(world, "bob"), "invalid_grant", "subject_conflict")
    assert person(by_mail(world, "alice", sub=ALICE)) == "u-alice"


def test_whoever_signs_in_joins_as_whoever_brings_a_grant() -> None:
    """RAS-25: by the new identity provider, into an account that the old one linked."""
    world = world_of(BY_MAIL, joining(BY_MAIL, IDP))
    alice = Identity(OTHER_IDP, "alice-there", email="alice@acme.example", email_verified=True)
    assert world.ras.signed_in(alice) == "u-alice"
    with pytest.raises(NotRedeemed, match="subject_conflict"):
        world_of(joining(BY_MAIL, OTHER_IDP), BY_MAIL).ras.signed_in(alice)


def test_a_second_sub_of_the_issuer_that_joins_is_refused_all_the_same() -> None:
    """Contract section 5: another sub of that issuer and tenant."""
    world = world_of(BY_MAIL, joining(BY_MAIL, IDP))
    assert person(by_mail(world, "alice", OTHER_IDP)) == "u-alice"
    reply = by_mail(world, "alice", OTHER_IDP, sub="mallory")
    assert_refused(world, reply, "invalid_grant", "subject_conflict")


def test_whom_the_file_links_twice_is_known_to_both() -> None:
    """A link is what an administrator says; strategies that agree with it do no harm."""
    store = memory_store()
    links = [(Link(IDP, "", ALICE), "u-alice"), (Link(OTHER_IDP, "", "alice-there"), "u-alice")]
    store = MemoryStore(store.accounts(), [*links, (Link(IDP, "", "alice-too"), "u-alice")])
    world = world_of(joining(BY_MAIL, OTHER_IDP), BY_MAIL, store=store)
    assert person(by_mail(world, "alice", OTHER_IDP)) == "u-alice"
    assert person(by_mail(world, "alice", sub=ALICE)) == "u-alice"
    assert person(by_mail(world, "alice", sub="alice-too")) == "u-alice"


class Meanwhile(MemoryStore):
    """A store in which something happens once, between the look-up of a person and the commit."""

    then: Any = None

    def commit(self, record: Record) -> Any:
        if record.link is not None and self.then is not None:
            happens, self.then = self.then, None
            happens()
        return super().commit(record)


def test_an_issuer_that_comes_second_in_a_race_is_refused_too() -> None:
    """RAS-24: who may link was judged by links that are no longer all."""
    store = Meanwhile(memory_store().accounts())
    world = world_of(joining(BY_MAIL, OTHER_IDP), BY_MAIL, store=store)

    def first() -> None:
        assert person(by_mail(world, "bob")) == "u-bob"

    store.then = first
    reply = by_mail(world, "bob", OTHER_IDP)
    assert_refused(world, reply, "invalid_grant", "subject_conflict")
    assert store.links_of("u-bob") == (Link(IDP, "", "bob-there"),)


class Late(MemoryStore):
    """A store in which the link appears between two look-ups of one person."""

    late: Link | None = None

    def links_of(self, account_id: str) -> tuple[Link, ...]:
        if self.late is not None:
            late, self.late = self.late, None
            self._links[late] = account_id
        return super().links_of(account_id)


def test_a_link_that_a_neighbour_has_just_written_is_no_rival() -> None:
    """Two first grants of one person at the same moment."""
    store = Late(memory_store().accounts())
    store.late = Link(IDP, "", "bob-there")
    world = world_of(joining(BY_MAIL, OTHER_IDP), BY_LINK, store=store)
    assert person(by_mail(world, "bob")) == "u-bob"
    assert store.links_of("u-bob") == (Link(IDP, "", "bob-there"),)
