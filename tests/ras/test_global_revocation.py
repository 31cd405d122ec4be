"""Global Token Revocation: an identity provider ends everything of a person (AT-08)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import KeySet
from idjag.ras import Account, Identity, MemoryStore, NotRedeemed, Registration
from idjag.ras.callers import Callers, Revoker
from tests.ras.inquiries import (
    API_CLIENT,
    API_SECRET,
    IDP_CLIENT,
    IDP_SECRET,
    Site,
    bearer,
    secret,
    site_config,
    site_in,
)
from tests.ras.stores import KINDS
from tests.ras.test_client_auth import client_assertion
from tests.ras.world import ALICE, IDP, NOW, OTHER_IDP, assert_refused, basic, body, grant, key, trusted

ALICE_ID = {"format": "iss_sub", "iss": IDP, "sub": ALICE}
ALICE_MAIL = {"format": "email", "email": "Alice@acme.example"}


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Over each kind of store."""
    with site_in(request.param, tmp_path) as made:
        yield made


@pytest.mark.parametrize("sub_id", [ALICE_ID, ALICE_MAIL], ids=["iss_sub", "email"])
def test_everything_older_of_a_person_ends(site: Site, sub_id: dict[str, str]) -> None:
    """AT-08: 204; tokens, and grants whose iat or auth_time is older; what is newer is good."""
    token, bobs = site.redeemed(), site.redeemed(sub="bob", email="bob@acme.example", email_verified=True)
    reply = site.end(sub_id)
    assert (reply.status, reply.body) == (204, b"")
    assert dict(reply.headers)[b"cache-control"] == b"no-store"
    assert (site.active(token), site.active(bobs)) == (False, True)
    for claims in ({}, {"auth_time": None}, {"iat": NOW + 1, "auth_time": NOW}):
        assert_refused(site, site.post({"assertion": grant(**claims)}), "invalid_grant", "grant_too_old")
    site.clock.now = NOW + 1
    again = site.redeemed(iat=NOW + 1, auth_time=NOW + 1)
    assert site.active(again)
    [event] = site.events("token.revoked")
    assert event.fields["actor"] == {"kind": "client", "id": IDP_CLIENT}
    assert event.fields["inputs"]["not_before"] == NOW + 1


def test_a_clock_that_is_ahead_over_there_saves_no_token(site: Site) -> None:
    """AT-08: ``iat`` may be a minute ahead; the token was issued before the person ended all the same."""
    token = site.redeemed(iat=NOW + 50, auth_time=NOW + 50)
    site.clock.now = NOW + 10
    assert site.active(token)
    assert site.end(ALICE_ID).status == 204
    assert not site.active(token)
    signed_in = Identity(IDP, ALICE, since=NOW + 50)
    with pytest.raises(NotRedeemed, match="grant_too_old"):
        site.ras.signed_in(signed_in)
    site.clock.now = NOW + 11
    assert site.ras.signed_in(signed_in) == "u-alice"


def test_people_of_another_tenant_of_ours_are_nobody_here() -> None:
    """AT-08, TEN-10: even when a host's own look-up by address does not heed the tenant."""

    class Heedless(MemoryStore):
        def by_email(self, email: str, *, tenant: str | None) -> tuple[Account, ...]:  # noqa: ARG002
            return tuple(account for account in self.accounts() if account.email == email)

    for tenant, status in (("globex", 404), (None, 204)):
        people = [Account("u-alice", email="alice@acme.example", tenant=tenant)]
        site = Site(store=Heedless(people), config=site_config())
        assert site.end(ALICE_MAIL).status == status


def test_a_tenant_for_callers_who_name_nobody_by_address_is_refused() -> None:
    """AT-08, contract section 5: it would be accepted and ignored, since ``iss_sub`` names no tenant."""
    caller = Revoker(secret(IDP_CLIENT, IDP_SECRET), frozenset({IDP}), by_email=True, tenant="acme")
    site_config(callers=Callers(revokers=(caller,)))
    with pytest.raises(ValueError, match="tenant is for format email"):
        site_config(callers=Callers(revokers=(replace(caller, by_email=False),)))


def test_a_person_who_was_never_here_is_remembered(site: Site) -> None:
    """AT-08: before the first grant; others with that sub are not meant."""
    carol = {"sub": "carol", "email": "bob@acme.example", "email_verified": True}
    assert site.end({"format": "iss_sub", "iss": IDP, "sub": "carol"}).status == 204
    assert_refused(site, site.post({"assertion": grant(**carol)}), "invalid_grant", "grant_too_old")
    site.clock.now = NOW + 1
    assert site.post({"assertion": grant(**carol, iat=NOW + 1, auth_time=NOW + 1)}).status == 200


@pytest.mark.parametrize(
    ("sub_id", "error", "status", "reason"),
    [
        ({**ALICE_ID, "iss": OTHER_IDP}, "access_denied", 403, "subject_foreign"),
        ({**ALICE_ID, "iss": f"{IDP}/"}, "access_denied", 403, "subject_foreign"),
        ({"format": "email", "email": "alice@globex.example"}, "access_denied", 403, "subject_foreign"),
        ({"format": "email", "email": "nobody@acme.example"}, "invalid_request", 404, "subject_not_found"),
        ({"format": "email", "email": "\u212aate@acme.example"}, "access_denied", 403, "subject_foreign"),
        ({"format": "opaque", "id": "u-alice"}, "invalid_request", 400, "parameter_wrong"),
        ({"format": "account", "uri": "acct:a@acme.example"}, "invalid_request", 400, "parameter_wrong"),
        ({"format": "aliases", "identifiers": [ALICE_ID]}, "invalid_request", 400, "parameter_wrong"),
        ({}, "invalid_request", 400, "parameter_wrong"),
        ({**ALICE_ID, "tenant": "x"}, "invalid_request", 400, "malformed_json"),
        ({**ALICE_ID, "sub": 1}, "invalid_request", 400, "malformed_json"),
        ({**ALICE_ID, "sub": ""}, "invalid_request", 400, "malformed_json"),
        ({**ALICE_ID, "sub": "x" * 256}, "invalid_request", 400, "malformed_json"),
        ({"format": "iss_sub", "iss": IDP}, "invalid_request", 400, "malformed_json"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_subject_that_is_not_the_caller_s_is_refused(
    site: Site, sub_id: dict[str, Any], error: str, status: int, reason: str
) -> None:
    """AT-08: nobody speaks for another's people; opaque identifiers are refused."""
    token = site.redeemed()
    reply = site.end(sub_id)
    assert (reply.status, body(reply)["error"]) == (status, error)
    event = site.event()
    assert (event.name, event.fields["reason"]) == ("token.refused", reason)
    assert site.active(token)


def test_an_address_must_be_allowed(site: Site) -> None:
    """AT-08: the format email only if it is configured."""
    caller = Revoker(secret(IDP_CLIENT, IDP_SECRET), frozenset({IDP}))
    site.ras.configure(site_config(callers=Callers(revokers=(caller,))))
    reply = site.end(ALICE_MAIL)
    assert (reply.status, site.event().fields["reason"]) == (400, "malformed_json")
    assert site.end(ALICE_ID).status == 204


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "malformed_json"),
        ("[]", "malformed_json"),
        ('{"sub_id": "alice"}', "malformed_json"),
        ("{}", "malformed_json"),
        ('{"sub_id": {"format": "opaque"}, "more": 1}', "malformed_json"),
        ('{"sub_id": {"format": "iss_sub"}, "sub_id": {"format": "iss_sub"}}', "malformed_json"),
        ('{"sub_id": {"format": "iss_sub", "iss": [[[[1]]]]}}', "malformed_json"),
        ('{"sub_id": {"format": "' + "x" * 9000 + '"}}', "malformed_json"),
    ],
    ids=lambda value: value[:40],
)
def test_only_the_one_object_is_read(site: Site, text: str, reason: str) -> None:
    """AT-08: strict; a member that we do not know may change what is meant."""
    reply = site.end(None, body=text.encode())
    assert_refused(site, reply, "invalid_request", reason)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"method": "GET"}, 405),
        ({"query": b"x=y"}, 400),
        ({"headers": ((b"content-type", b"application/x-www-form-urlencoded"),)}, 415),
        ({"headers": ((b"content-type", b"application/json; charset=latin-1"),)}, 415),
        ({"headers": ((b"content-type", b"application/json"),)}, 401),
    ],
    ids=str,
)
def test_a_request_of_another_shape_is_refused(site: Site, changes: dict[str, Any], status: int) -> None:
    """AT-08: POST, JSON, authenticated."""
    token = site.redeemed()
    reply = site.end(ALICE_ID, **changes)
    assert reply.status == status
    assert body(reply)["error"] == ("invalid_client" if status == 401 else "invalid_request")
    assert site.active(token)


@pytest.mark.parametrize(
    "header",
    [basic(), basic(API_CLIENT, API_SECRET), basic(IDP_CLIENT, "wrong"), basic("nobody", IDP_SECRET)],
    ids=["a client", "an API", "wrong secret", "unknown name"],
)
def test_only_configured_callers_may_end_people(site: Site, header: bytes) -> None:
    """AT-08: authenticated, and meant for this; a client that redeems ends nobody."""
    token = site.redeemed()
    reply = site.end(ALICE_ID, header)
    assert (reply.status, body(reply)["error"]) == (401, "invalid_client")
    assert site.event().name == "refused.before_authentication"
    assert site.active(token)


def test_a_caller_may_have_a_key(site: Site) -> None:
    """AT-08: the assertion of private_key_jwt as bearer token; good once."""
    registration = Registration("soc", names.PRIVATE_KEY_JWT, keys=KeySet([key("soc").public]))
    site.ras.configure(site_config(callers=Callers(revokers=(Revoker(registration, frozenset({IDP})),))))
    token = site.redeemed()
    for wrong in (client_assertion(signer="other", iss="soc", sub="soc"), "nonsense", "\u00e9"):
        assert site.end(ALICE_ID, bearer(wrong)).status == 401
    assert body(site.introspect(token, basic()))["active"] is True
    proof = client_assertion(signer="soc", iss="soc", sub="soc")
    assert site.end(ALICE_ID, bearer(proof)).status == 204
    assert body(site.introspect(token, basic()))["active"] is False
    assert_refused(site, site.end(ALICE_ID, bearer(proof)), "invalid_client", "client_assertion_replay")


def test_every_tenant_of_an_issuer_is_meant(site: Site) -> None:
    """AT-08: the identifier names none, so whoever has that sub is safe rather than forgotten."""
    issuers = (replace(trusted(), tenants=frozenset({"t-1"})), trusted(OTHER_IDP))
    site.ras.configure(site_config(trusted_issuers=issuers))
    bob = {"sub": "bob", "email": "bob@acme.example", "email_verified": True, "tenant": "t-1"}
    assert site.end({**ALICE_ID, "sub": "bob"}).status == 204
    assert_refused(site, site.post({"assertion": grant(**bob)}), "invalid_grant", "grant_too_old")
    site.clock.now = NOW + 1
    assert site.post({"assertion": grant(**bob, iat=NOW + 1, auth_time=NOW + 1)}).status == 200


def test_the_endpoint_is_there_for_whoever_may_call_it(site: Site) -> None:
    """AT-08, MET-05: and advertised only then."""
    assert list(site.ras.endpoints) == ["introspect", "revoke", "global-token-revocation"]
    site.ras.configure(site_config(callers=Callers()))
    assert list(site.ras.endpoints) == ["introspect", "revoke"]


def test_what_is_written_down_names_the_person_and_no_secret(site: Site) -> None:
    """Contract section 9."""
    site.end(ALICE_ID)
    fields = site.event().fields
    assert fields["inputs"]["things"] == [f"person {json.dumps([IDP, '', ALICE])}"]
    assert IDP_SECRET not in repr(fields)
