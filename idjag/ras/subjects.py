"""Which account here a grant's person is: pure; the look-ups are asked for and answered elsewhere.

The rules keep one person from taking over another's account, and one identity provider the people of
another: contract section 5, RAS-21 to RAS-26, decision 0022.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_jag import IdJag
from idjag.protocol.sub_id import SamlNameId
from idjag.ras.model import Account, Link
from idjag.ras.ports import Accounts, AccountsBySubId, Person, Query, Store
from idjag.ras.trusted import Strategy, SubjectRules, TrustedIssuer, means

__all__ = ["Found", "Identity", "identity_of", "issuer_tenant", "look_up", "query_of", "resolve"]


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a trusted issuer has described them, by an ID-JAG or by an ID token: both are read alike.

    ``tenant`` is the issuer's; ``email_verified`` the boolean and nothing like it.  ``since`` (NumericDate):
    the earlier of when they signed in there and when this was said, if it is known.
    """

    issuer: str
    sub: str
    tenant: str | None = None
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    name: str | None = field(default=None, repr=False)
    aud_sub: str | None = None
    sub_id: SamlNameId | None = None
    since: int | None = None

    def __post_init__(self) -> None:
        if not self.issuer or not self.sub:  # all whose host read no sub would share one account
            raise ValueError("an identity needs the iss and the sub of its ID token")


@dataclass(frozen=True, slots=True)
class Found:
    """The person's account; ``link`` is still to be written unless None, ``created`` tells JIT.

    ``beside`` are the links that the account had when that was decided.
    """

    account: Account
    link: Link | None = None
    beside: frozenset[Link] = frozenset()
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
        sub_id=grant.sub_id,
        since=min(grant.iat, grant.iat if grant.auth_time is None else grant.auth_time),
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

    Raises Refused TENANT_WRONG, CLAIM_WRONG.
    """
    theirs = issuer_tenant(identity, trusted)
    rules = trusted.rules_of(theirs)
    return Query(
        link=Link(identity.issuer, theirs, identity.sub),
        tenant=tenant,
        aud_sub=identity.aud_sub if "aud_sub" in rules.by else None,
        email=_authoritative_email(identity, rules) if "email" in rules.by else None,
        sub_id=_authoritative_sub_id(identity, rules) if "sub_id" in rules.by else None,
    )


def look_up(query: Query, *, accounts: Accounts, store: Store) -> Person:
    """Answer a query from the two ports; read only."""
    linked = store.linked(query.link)
    by_aud_sub = None if query.aud_sub is None else accounts.by_id(query.aud_sub)
    by_email = () if query.email is None else accounts.by_email(query.email, tenant=query.tenant)
    by_sub_id = _by_sub_id(query, accounts)
    by_claims = (*by_email, *by_sub_id, *((by_aud_sub,) if by_aud_sub else ()))
    return Person(
        linked=linked,
        by_link=None if linked is None else accounts.by_id(linked),
        by_aud_sub=() if by_aud_sub is None else (by_aud_sub,),
        by_email=by_email,
        by_sub_id=by_sub_id,
        links={account.id: frozenset(store.links_of(account.id)) for account in by_claims},
    )


def _by_sub_id(query: Query, accounts: Accounts) -> tuple[Account, ...]:
    if query.sub_id is None or not isinstance(accounts, AccountsBySubId):
        return ()  # Ras refuses the strategy at the start when the accounts cannot be asked
    return accounts.by_sub_id(query.sub_id, tenant=query.tenant)


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
    if not account.active:
        raise Refused(Reason.ACCOUNT_DISABLED, account=account.id)
    if person.linked == account.id:
        return Found(account)
    beside = person.links[account.id]
    _check_others(beside, query.link, rules)
    return Found(account, link=query.link, beside=beside)


def _check_others(links: frozenset[Link], wanted: Link, rules: SubjectRules) -> None:
    """RAS-24: who is in an account already says who may come in; raises Refused SUBJECT_CONFLICT."""
    for link in links - {wanted}:  # written by a neighbour since the person was looked up
        if (link.issuer, link.tenant) == (wanted.issuer, wanted.tenant):
            raise Refused(Reason.SUBJECT_CONFLICT, problem="the account is linked to another sub")
        if not means(rules.joins, link.issuer, link.tenant):
            problem = "the account is linked at another issuer, which this one does not join"
            raise Refused(Reason.SUBJECT_CONFLICT, problem=problem, other=link.issuer)


def _hits(person: Person, query: Query, rules: SubjectRules) -> dict[Strategy, tuple[Account, ...]]:
    by_link = (person.by_link,) if person.by_link is not None else ()
    answers: dict[Strategy, tuple[Account, ...]] = {
        "iss_sub": by_link,
        "aud_sub": person.by_aud_sub,
        "email": person.by_email,
        "sub_id": tuple(each for each in person.by_sub_id if _is_named(each, query.sub_id, rules)),
    }
    # TEN-10: an account of another tenant of ours does not exist for this client
    hits = {
        strategy: tuple(account for account in answers[strategy] if account.tenant == query.tenant)
        for strategy in rules.by
    }
    return {strategy: found for strategy, found in hits.items() if found}


def _is_named(account: Account, name_id: SamlNameId | None, rules: SubjectRules) -> bool:
    """SAML-14: every member counts, of which ``sp_name_qualifier`` tells two service providers apart."""
    if name_id is None:
        return False
    if rules.sub_id_match == "tuple":
        return name_id in account.sub_ids
    name = (name_id.issuer, name_id.nameid)
    return any((each.issuer, each.nameid) == name for each in account.sub_ids)


def _unfound(person: Person, query: Query, identity: Identity, *, rules: SubjectRules, new_id: str) -> Found:
    if person.linked is not None:
        # deleted, another tenant's, or found by a strategy that is switched off: never made anew
        raise Refused(Reason.ACCOUNT_UNKNOWN, problem="linked to an account that is not to be had")
    claims: dict[Strategy, str | None] = {
        "aud_sub": identity.aud_sub,
        "email": identity.email if identity.email_verified else None,
        "sub_id": None if query.sub_id is None else query.sub_id.nameid,
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
    created = Account(
        id=new_id,
        email=query.email,
        name=identity.name,
        tenant=query.tenant,
        sub_ids=() if query.sub_id is None else (query.sub_id,),  # RAS-25: SAML sign-in finds it again
    )
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


def _authoritative_sub_id(identity: Identity, rules: SubjectRules) -> SamlNameId | None:
    """The NameID, if the issuer may name people of that SAML issuer (SAML-16); none for a transient one.

    Raises Refused CLAIM_WRONG for another's (SAML-15).
    """
    name_id = identity.sub_id
    if name_id is None or name_id.transient:
        return None
    if name_id.issuer not in rules.sub_id_issuers:
        problem = "not associated with this issuer"
        raise Refused(Reason.CLAIM_WRONG, claim="sub_id", problem=problem, got=name_id.issuer)
    return name_id
