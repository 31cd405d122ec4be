"""Which account here a grant's person is: pure; the look-ups are asked for and answered elsewhere.

The rules keep one person from taking over another's account: contract section 5, RAS-21 to RAS-25.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.ras.model import Account, Link, Strategy, SubjectRules, TrustedIssuer
from idjag.ras.ports import Accounts, Person, Query, Store

__all__ = ["Found", "Identity", "identity_of", "issuer_tenant", "look_up", "query_of", "resolve"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a trusted issuer has described them, by an ID-JAG or by an ID token: both are read alike.

    ``tenant`` is the issuer's; ``email_verified`` the boolean and nothing like it.
    """

    issuer: str
    sub: str
    tenant: str | None = None
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    name: str | None = field(default=None, repr=False)
    aud_sub: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The person's account; ``link`` is still to be written unless None, ``created`` tells JIT."""

    account: Account
    link: Link | None = None
    created: bool = False


def identity_of(grant: IdJag) -> Identity:
    """The person of a grant."""
    return Identity(
        issuer=grant.iss,
        sub=grant.sub,
        tenant=grant.tenant,
        email=grant.email,
        email_verified=grant.email_verified,
        name=grant.name,
        aud_sub=grant.aud_sub,
    )


def issuer_tenant(identity: Identity, trusted: TrustedIssuer) -> str:
    """The tenant part of the person's key; raises Refused TENANT_WRONG (TEN-08, A-16).

    Of a single-tenant issuer the claim says nothing that we registered, so that it is ignored.
    """
    if not trusted.tenants:
        return ""
    if identity.tenant is None or identity.tenant not in trusted.tenants:
        raise Refused(Reason.TENANT_WRONG, claim="tenant", got=identity.tenant or "absent")
    return identity.tenant


def query_of(identity: Identity, trusted: TrustedIssuer, *, tenant: str | None) -> Query:
    """What must be known to resolve the person in our ``tenant``; unusable claims are not asked about.

    Raises Refused TENANT_WRONG.
    """
    rules = trusted.subject
    return Query(
        link=Link(identity.issuer, issuer_tenant(identity, trusted), identity.sub),
        tenant=tenant,
        aud_sub=identity.aud_sub if "aud_sub" in rules.by else None,
        email=_authoritative_email(identity, rules) if "email" in rules.by else None,
    )


def look_up(query: Query, *, accounts: Accounts, store: Store) -> Person:
    """Answer a query from the two ports; read only."""
    linked = store.linked(query.link)
    by_aud_sub = None if query.aud_sub is None else accounts.by_id(query.aud_sub)
    by_email = () if query.email is None else accounts.by_email(query.email, tenant=query.tenant)
    candidates = {account.id for account in (*by_email, *((by_aud_sub,) if by_aud_sub else ()))}
    return Person(
        linked=linked,
        by_link=None if linked is None else accounts.by_id(linked),
        by_aud_sub=() if by_aud_sub is None else (by_aud_sub,),
        by_email=by_email,
        other_links=frozenset(
            account_id
            for account_id in candidates
            if any(_rival(link, query.link) for link in store.links_of(account_id))
        ),
    )


def _rival(link: Link, wanted: Link) -> bool:
    """Another sub of the same issuer and tenant: the account is somebody else's there."""
    return (link.issuer, link.tenant) == (wanted.issuer, wanted.tenant) and link.sub != wanted.sub


def resolve(person: Person, query: Query, identity: Identity, *, rules: SubjectRules, new_id: str) -> Found:
    """The account, found by every configured strategy that has its claim, or made (JIT).

    ``new_id`` is the id of an account that has to be made.
    Raises Refused: SUBJECT_CONFLICT, IDENTITY_CLAIMS_MISSING, ACCOUNT_UNKNOWN, ACCOUNT_DISABLED.
    """
    hits = _hits(person, query, rules)
    accounts = {account.id: account for found in hits.values() for account in found}
    if len(accounts) > 1:
        raise Refused(Reason.SUBJECT_CONFLICT, problem="strategies disagree", by=" ".join(hits))
    if not accounts:
        return _unfound(person, query, identity, rules=rules, new_id=new_id)
    [account] = accounts.values()
    if person.linked not in (None, account.id):
        raise Refused(Reason.SUBJECT_CONFLICT, problem="this sub is linked to another account")
    if account.id in person.other_links:
        raise Refused(Reason.SUBJECT_CONFLICT, problem="the account is linked to another sub")
    if not account.active:
        raise Refused(Reason.ACCOUNT_DISABLED, account=account.id)
    return Found(account, link=None if person.linked == account.id else query.link)


def _hits(person: Person, query: Query, rules: SubjectRules) -> dict[Strategy, tuple[Account, ...]]:
    by_link = (person.by_link,) if person.by_link is not None else ()
    answers: dict[Strategy, tuple[Account, ...]] = {
        "iss_sub": by_link,
        "aud_sub": person.by_aud_sub,
        "email": person.by_email,
    }
    # TEN-10: an account of another tenant of ours does not exist for this client
    hits = {
        strategy: tuple(account for account in answers[strategy] if account.tenant == query.tenant)
        for strategy in rules.by
    }
    return {strategy: found for strategy, found in hits.items() if found}


def _unfound(person: Person, query: Query, identity: Identity, *, rules: SubjectRules, new_id: str) -> Found:
    if person.linked is not None:
        # deleted, another tenant's, or found by a strategy that is switched off: never made anew
        raise Refused(Reason.ACCOUNT_UNKNOWN, problem="linked to an account that is not to be had")
    claims: dict[Strategy, str | None] = {
        "aud_sub": identity.aud_sub,
        "email": identity.email if identity.email_verified else None,
    }
    needed = [strategy for strategy in rules.by if strategy != "iss_sub"]
    if needed and not any(claims[strategy] for strategy in needed):  # RAS-22
        raise Refused(Reason.IDENTITY_CLAIMS_MISSING, needed=" ".join(needed))
    if not rules.jit:
        raise Refused(Reason.ACCOUNT_UNKNOWN, sub=identity.sub)
    if query.aud_sub is not None:  # it says which account, and that one is not here: no second one
        raise Refused(Reason.ACCOUNT_UNKNOWN, problem="aud_sub names nobody here")
    if "email" in rules.by and claims["email"] and query.email is None:
        raise Refused(Reason.ACCOUNT_UNKNOWN, problem="the issuer does not speak for this mail domain")
    created = Account(id=new_id, email=query.email, name=identity.name, tenant=query.tenant)
    return Found(created, link=query.link, created=True)


def _authoritative_email(identity: Identity, rules: SubjectRules) -> str | None:
    """The address in lower case, if the issuer verified it and speaks for its domain (RAS-24).

    ASCII only: folding other letters makes one person's address another's.
    """
    if identity.email is None or not identity.email_verified or not identity.email.isascii():
        return None
    local, at, domain = identity.email.lower().rpartition("@")
    return (
        f"{local}@{domain}" if at and local and "@" not in local and domain in rules.email_domains else None
    )
