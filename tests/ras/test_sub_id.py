"""People who are known here by SAML: the strategy ``sub_id`` (RAS-26, SAML-14 to SAML-17)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol.http import Reply
from idjag.protocol.sub_id import SamlNameId, claim_of
from idjag.ras import Account, Link, NotRedeemed
from tests.ras.stores import STORES, kind_of, opened_store
from tests.ras.test_subjects import identity
from tests.ras.world import (
    ALICE,
    IDP,
    World,
    assert_refused,
    config,
    grant,
    key,
    rules,
    token_claims,
    trusted,
)

SAML = "https://saml.acme.example/metadata"
DAN = SamlNameId(SAML, "dan", sp_name_qualifier="https://chat.example/saml")
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
ENTITY = frozenset({SAML})
PEOPLE = [
    Account("u-alice", email="alice@acme.example"),
    Account("u-dan", sub_ids=(DAN,)),
    Account("u-dora", sub_ids=(replace(DAN, sp_name_qualifier="https://files.example/saml"),)),
    Account("u-elsewhere", tenant="globex", sub_ids=(DAN,)),
]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """People of a SAML identity provider, in both kinds of store."""
    with opened_store(kind_of(request), tmp_path, PEOPLE, {Link(IDP, "", ALICE): "u-alice"}) as opened:
        yield opened


def world_of(store: Any, **changes: Any) -> World:
    by_sub_id: dict[str, Any] = {"by": ("iss_sub", "sub_id"), "sub_id_issuers": ENTITY}
    made = rules(**by_sub_id | changes)
    return World(store=store, config=config(trusted_issuers=(trusted(subject=made),)))


def bring(world: World, sub_id: Any = None, *, sub: str = "dan-at-acme", **claims: Any) -> Reply:
    value = claim_of(sub_id) if isinstance(sub_id, SamlNameId) else sub_id
    return world.post({"assertion": grant(sub=sub, sub_id=value, **claims)})


def person(reply: Reply) -> str:
    assert reply.status == 200, reply.body
    return str(token_claims(reply)["sub"])


def test_a_name_id_finds_a_person_and_links_the_sub(store: Any) -> None:
    """RAS-21, RAS-24: the next grant needs no NameID."""
    world = world_of(store)
    assert person(bring(world, DAN)) == "u-dan"
    assert store.links_of("u-dan") == (Link(IDP, "", "dan-at-acme"),)
    assert person(bring(world)) == "u-dan"


@pytest.mark.parametrize(
    "changes",
    [
        {"sp_name_qualifier": "https://desk.example/saml"},
        {"sp_name_qualifier": None},
        {"name_qualifier": SAML},
        {"nameid_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"},
        {"sp_provided_id": "u-dan"},
        {"nameid": "Dan"},
    ],
    ids=repr,
)
def test_every_member_of_a_name_id_counts(store: Any, changes: dict[str, Any]) -> None:
    """SAML-14: sp_name_qualifier tells two service providers apart."""
    world = world_of(store)
    reply = bring(world, replace(DAN, **changes))
    assert_refused(world, reply, "access_denied", "account_unknown")
    other = replace(DAN, sp_name_qualifier="https://files.example/saml")
    assert person(bring(world, other, sub="dora")) == "u-dora"


def test_a_name_alone_counts_only_where_that_is_configured(store: Any) -> None:
    """SAML-14: and two of one name are then nobody."""
    bare = SamlNameId(SAML, "dan")
    world = world_of(store)
    assert_refused(world, bring(world, bare), "access_denied", "account_unknown")
    by_name = world_of(store, sub_id_match="nameid")
    assert_refused(by_name, bring(by_name, bare), "invalid_grant", "subject_conflict")
    store.put(Account("u-dora", sub_ids=()))
    assert person(bring(by_name, bare)) == "u-dan"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, "identity_claims_missing", id="absent"),
        pytest.param({"format": "email", "email": "d@x.example"}, "identity_claims_missing", id="other"),
        pytest.param({"format": "opaque", "id": "dan"}, "identity_claims_missing", id="unknown format"),
        pytest.param(replace(DAN, nameid_format=TRANSIENT), "identity_claims_missing", id="transient"),
        pytest.param(replace(DAN, issuer="https://saml.globex.example/m"), "claim_wrong", id="another's"),
        pytest.param(replace(DAN, issuer=IDP), "claim_wrong", id="the issuer of the grant is no SAML issuer"),
        pytest.param({"format": "saml-nameid", "issuer": SAML}, "claim_wrong", id="no name"),
        pytest.param("dan", "claim_wrong", id="a string"),
        pytest.param([claim_of(DAN)], "claim_wrong", id="a list"),
    ],
)
def test_a_name_id_that_is_needed_must_be_right(store: Any, value: Any, reason: str) -> None:
    """SAML-15, SAML-16; a transient name is as good as none."""
    world = world_of(store)
    assert_refused(world, bring(world, value), "invalid_grant", reason)
    assert store.links_of("u-dan") == ()


@pytest.mark.parametrize("value", [{"format": "opaque", "id": "x"}, replace(DAN, nameid_format=TRANSIENT)])
def test_formats_that_we_do_not_know_do_no_harm_where_nobody_needs_them(store: Any, value: Any) -> None:
    """SAML-17: alice is known by her link."""
    assert person(bring(world_of(store), value, sub=ALICE)) == "u-alice"


@pytest.mark.parametrize("value", ["dan", {"format": "saml-nameid"}, claim_of(replace(DAN, issuer="x"))])
def test_nobody_looks_at_the_claim_where_it_is_no_strategy(store: Any, value: Any) -> None:
    """RAS-40: the positive control of malformed ones."""
    world = world_of(store, by=("iss_sub",), sub_id_issuers=frozenset())
    assert person(bring(world, value, sub=ALICE)) == "u-alice"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: grant(key("other"), sub="dan", sub_id=claim_of(DAN)), "signature_invalid"),
        (lambda: grant(sub="dan", sub_id=claim_of(DAN), iss="https://evil.example"), "issuer_not_trusted"),
        (lambda: grant(sub="dan", sub_id=claim_of(DAN), aud="https://x.example/"), "audience_wrong"),
        (lambda: grant(sub="dan", sub_id=claim_of(DAN), exp=1_700_000_000), "expired"),
        (lambda: grant(sub="dan", sub_id=claim_of(DAN), client_id="x"), "client_mismatch"),
    ],
)
def test_a_name_id_establishes_no_trust(store: Any, make: Any, reason: str) -> None:
    """RAS-26: used only after everything else was right, and looked up not before."""
    counting = Counting(store)
    world = world_of(counting)
    reply = world.post({"assertion": make()})
    assert reply.status == 400
    assert store.events[-1].fields["reason"] == reason
    assert counting.asked == 0
    assert person(bring(world, DAN)) == "u-dan"
    assert counting.asked == 1


class Counting:
    """A store that counts who asks for NameIDs."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.asked = 0

    def by_sub_id(self, name_id: SamlNameId, *, tenant: str | None) -> Any:
        self.asked += 1
        return self._store.by_sub_id(name_id, tenant=tenant)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def by_id(self, account_id: str) -> Any:
        return self._store.by_id(account_id)

    def by_email(self, email: str, *, tenant: str | None) -> Any:
        return self._store.by_email(email, tenant=tenant)


def test_a_name_id_takes_over_nobody(store: Any) -> None:
    """RAS-24: held to the same rule as every strategy but the link."""
    world = world_of(store)
    assert person(bring(world, DAN)) == "u-dan"
    assert_refused(world, bring(world, DAN, sub="mallory"), "invalid_grant", "subject_conflict")
    assert_refused(world, bring(world, DAN, sub=ALICE), "invalid_grant", "subject_conflict")


def test_accounts_of_other_tenants_are_not_found(store: Any) -> None:
    """TEN-10: the same NameID in another tenant of ours is somebody else."""
    world = world_of(store)
    assert person(bring(world, DAN)) == "u-dan"
    assert store.by_sub_id(DAN, tenant="globex")[0].id == "u-elsewhere"


def test_a_new_person_keeps_the_name_that_saml_will_bring(store: Any) -> None:
    """RAS-23, RAS-25: signing in by SAML finds the account that a grant has made."""
    world = world_of(store, jit=True)
    new = SamlNameId(SAML, "erin")
    made = person(bring(world, new, sub="erin-at-acme"))
    assert store.by_id(made).sub_ids == (new,)
    assert [account.id for account in store.by_sub_id(new, tenant=None)] == [made]
    assert_refused(world, bring(world, new, sub="mallory"), "invalid_grant", "subject_conflict")


def test_a_name_that_an_account_gave_up_is_free(store: Any) -> None:
    """RAS-23: an administrator took it away, and a new person may bring it."""
    world = world_of(store, jit=True)
    store.put(Account("u-dan", sub_ids=(replace(DAN, nameid="daniel"),)))
    assert person(bring(world, DAN)) not in ("u-dan", "u-dora")
    assert person(bring(world, replace(DAN, nameid="daniel"), sub="daniel")) == "u-dan"


def test_signing_in_knows_name_ids_too(store: Any) -> None:
    """RAS-25: a host whose sign-in is SAML behind an issuer says so."""
    world = world_of(store)
    who = identity(sub="dan-at-acme", email=None, sub_id=DAN)
    assert world.ras.signed_in(who) == "u-dan"
    with pytest.raises(NotRedeemed, match="claim_wrong"):
        world.ras.signed_in(replace(who, sub_id=replace(DAN, issuer="https://saml.globex.example/m")))
