"""What a configuration must say of itself, whoever makes it: a file or an embedding host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idjag.protocol import names
from idjag.ras import (
    Account,
    JwtSigner,
    MemoryStore,
    NoKeys,
    Ras,
    RasConfig,
    Registration,
    Resource,
    SubjectRules,
    TrustedIssuer,
)
from idjag.ras.step_up import Requirement
from tests.ras.world import API, CLIENT, World, client, config, key, rules, trusted

SAML = SubjectRules(by=("sub_id",), sub_id_issuers=frozenset({"https://saml.acme.example/metadata"}))


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "chat",
        "urn:acme:chat",
        "http://chat.example/",
        "http://localhost.chat.example/",
        "https://chat.example/?tenant=acme",
        "https://chat.example/?",
        "https://chat.example/#top",
        "https://acme@chat.example/",
        'https://chat.example/"',
        "https://chat.example/\r\nx: y",
    ],
)
def test_what_cannot_be_an_issuer_is_refused(issuer: str) -> None:
    """MET-02: for hosts too, which have no file that is checked."""
    with pytest.raises(ValueError, match="issuer: an https URL"):
        config(issuer=issuer)


@pytest.mark.parametrize(
    "issuer",
    ["https://chat.example", "https://chat.example/ras/acme", "http://127.0.0.1:1/", "http://[::1]/"],
)
def test_an_issuer_is_kept_as_it_is_written(issuer: str) -> None:
    """MET-02: positive control."""
    assert World(config=config(issuer=issuer)).ras.metadata()["issuer"] == issuer


@pytest.mark.parametrize("by", [("iss_sub", "email"), ("iss_sub", "aud_sub"), ("email",)])
def test_one_tenant_of_an_issuer_does_not_name_the_people_of_another(by: Any) -> None:
    """RAS-24, TEN-10: nobody said which of the issuer's customers speaks for a mail domain."""
    two, one = frozenset({"t-1", "t-2"}), frozenset({"t-1"})
    with pytest.raises(ValueError, match="give each tenant a subject of its own"):
        trusted(tenants=two, subject=rules(by=by))
    with pytest.raises(ValueError, match="give each tenant a subject of its own"):
        trusted(tenants=two, subject=rules(by=by), tenant_subjects={"t-1": rules(by=by)})
    with pytest.raises(ValueError, match="a tenant that is not accepted"):
        trusted(tenants=two, tenant_subjects={"t-3": rules(by=by)}, subject=SubjectRules())
    assert trusted(tenants=one, subject=rules(by=by)).tenants == one
    assert TrustedIssuer("https://idp.example", tenants=two).tenants == two
    own = trusted(tenants=two, tenant_subjects={"t-1": rules(by=by)}, subject=SubjectRules())
    assert (own.rules_of("t-1").by, own.rules_of("t-2").by) == (by, ("iss_sub",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"by": ("sub_id",)}, "needs sub_id_issuers"),
        ({"sub_id_issuers": frozenset({"https://saml.acme.example"})}, "need subject.by sub_id"),
        ({"sub_id_match": "nameid"}, "need subject.by sub_id"),
        ({"by": ("email",)}, "needs email_domains"),
        ({"by": ()}, "at least one"),
        ({"by": ("email",), "email_domains": frozenset({"acme.example"}), "jit": True}, "jit needs iss_sub"),
    ],
)
def test_a_strategy_needs_what_the_issuer_speaks_for(changes: dict[str, Any], message: str) -> None:
    """RAS-24, SAML-16: nobody speaks for everybody."""
    with pytest.raises(ValueError, match=message):
        SubjectRules(**changes)


def test_an_issuer_is_trusted_for_something() -> None:
    """RAS-46."""
    with pytest.raises(ValueError, match="profiles must name"):
        trusted(profiles=frozenset())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"amr": frozenset({"mfa"})}, "needs require.acr"),
        ({"max_auth_age": 0}, "a second or more"),
    ],
)
def test_a_requirement_is_one_that_a_client_can_be_told(changes: dict[str, Any], message: str) -> None:
    """RAS-45."""
    with pytest.raises(ValueError, match=message):
        Requirement(**changes)


def test_what_the_configuration_needs_must_be_there_at_the_start() -> None:
    """Deployer mistakes fail at start, and with the next configuration."""
    by_document = client(registration=Registration(CLIENT, names.CLIENT_ID_METADATA_DOCUMENT))
    needy: list[tuple[dict[str, Any], str]] = [
        ({"dpop_nonce": True}, "need nonce_key"),
        ({"clients": (by_document,)}, "need publications"),
        ({"trusted_issuers": (trusted(subject=SAML),)}, "needs accounts with by_sub_id"),
    ]
    for changes, message in needy:
        with pytest.raises(ValueError, match=message):
            bare(config(**changes))
        before = config()
        ras = bare(before)
        with pytest.raises(ValueError, match=message):
            ras.configure(config(**changes))
        assert ras.config is before
    with pytest.raises(ValueError, match="32 octets or more"):
        bare(config(dpop_nonce=True), nonce_key=b"short")


class People:
    """Accounts as hosts had them before there was a strategy for SAML."""

    def by_id(self, account_id: str) -> Account | None:
        return MemoryStore().by_id(account_id)

    def by_email(self, email: str, *, tenant: str | None) -> tuple[Account, ...]:
        return MemoryStore().by_email(email, tenant=tenant)


def bare(made: RasConfig, **more: Any) -> Ras:
    """A server with the least that it needs."""
    store = MemoryStore()
    return Ras(made, keys=NoKeys(), accounts=People(), store=store, signer=JwtSigner(key("ras")), **more)


@pytest.mark.parametrize(
    "make",
    [
        lambda scopes: client(scopes=scopes),
        lambda scopes: Resource(API, scopes),
        lambda scopes: Account("u-ann", scopes=scopes),
        lambda scopes: trusted(scope_ceiling=scopes),
    ],
    ids=["client", "resource", "account", "ceiling"],
)
def test_one_text_is_no_set_of_scopes(make: Callable[[Any], object]) -> None:
    """RAS-31: ``chat.read`` is in the text ``chat.read.all``, and would be granted."""
    assert make(frozenset({"chat.read.all"}))
    with pytest.raises(ValueError, match="not one text"):
        make("chat.read.all")
