"""From the accounts of ras.yaml to ours; what no single entry shows is found here, with its place."""

from __future__ import annotations

from collections.abc import Iterator

from idjag.protocol.sub_id import SamlNameId
from idjag.ras.config_file import AccountEntry, NameIdEntry, RasFile
from idjag.ras.model import Account, Link
from idjag.yaml_file import Document

__all__ = ["accounts", "links"]

_Place = tuple[str | int, ...]


def accounts(document: Document, file: RasFile) -> tuple[Account, ...]:
    """The people of the file; raises FileError when two could be taken for each other."""
    seen: dict[tuple[object, ...], str] = {}
    for number, entry in enumerate(file.accounts):
        for place, key, what in _names(entry):
            if key in seen:  # two of one name would both be refused: strategies that disagree
                raise document.error(("accounts", number, *place), f"account {seen[key]} {what} already")
            seen[key] = entry.id
        for position, name_id in enumerate(entry.sub_ids):
            if _name_id(name_id).transient:
                place = ("accounts", number, "sub_ids", position, "nameid_format")
                raise document.error(place, "a transient NameID finds nobody again")
    return tuple(map(_account, file.accounts))


def links(document: Document, file: RasFile) -> dict[Link, str]:
    """Whom the people of the file are at their issuers; raises FileError."""
    tenants = {entry.issuer: {each.tenant for each in entry.tenants} for entry in file.trusted_issuers}
    found: dict[Link, str] = {}
    for number, account in enumerate(file.accounts):
        for position, entry in enumerate(account.links):
            place: _Place = ("accounts", number, "links", position)
            _check_issuer(document, entry.issuer, entry.tenant, tenants=tenants, place=place)
            link = Link(entry.issuer, entry.tenant, entry.sub)
            if link in found:
                raise document.error((*place, "sub"), f"account {found[link]} has this link already")
            found[link] = account.id
    return found


def _check_issuer(
    document: Document, issuer: str, tenant: str, *, tenants: dict[str, set[str]], place: _Place
) -> None:
    if issuer not in tenants:
        problem = f"{issuer} is not among trusted_issuers, byte for byte"
        raise document.error((*place, "issuer"), problem)
    if tenant not in (tenants[issuer] or {""}):
        problem = "name a tenant of the issuer" if tenants[issuer] else "the issuer has no tenants"
        raise document.error(place, problem)


def _names(entry: AccountEntry) -> Iterator[tuple[_Place, tuple[object, ...], str]]:
    """Where and what must be nobody else's."""
    yield ("id",), ("id", entry.id), "is there"
    if entry.email is not None:
        yield ("email",), ("email", entry.tenant, entry.email.lower()), "has this address"
    for position, name_id in enumerate(entry.sub_ids):
        yield ("sub_ids", position), ("sub_id", entry.tenant, _name_id(name_id)), "has this NameID"


def _account(entry: AccountEntry) -> Account:
    return Account(
        id=entry.id,
        email=entry.email,
        tenant=entry.tenant,
        scopes=None if entry.scopes is None else frozenset(entry.scopes),
        active=entry.status == "active",
        sub_ids=tuple(map(_name_id, entry.sub_ids)),
    )


def _name_id(entry: NameIdEntry) -> SamlNameId:
    return SamlNameId(**entry.model_dump(exclude={"format"}))
