"""Which claims about a person an app may read, in the ID token and from UserInfo.

What an app may ever read are the claims of the scopes that it is registered for: the administrator's
registration is the consent.  It reads those of the scopes that it asked for, and those that it named in the
``claims`` parameter (OpenID Connect Core sections 5.4 and 5.5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from idjag.idp.facts import PersonFacts
from idjag.protocol.jose.json import JsonValue

__all__ = ["CLAIMS", "claims_of", "nameable"]

CLAIMS: Final[Mapping[str, tuple[str, ...]]] = {
    "profile": ("name", "preferred_username"),
    "email": ("email", "email_verified"),
}
"""The claims of each scope."""


def nameable(asked: Iterable[str], registered: Collection[str]) -> tuple[str, ...]:
    """Of the claims that an app asks for by name, those that its ``registered`` scopes cover."""
    known = {name for scope in registered for name in CLAIMS.get(scope, ())}
    return tuple(sorted(known & set(asked)))


def claims_of(person: PersonFacts, scopes: Iterable[str], named: Iterable[str] = ()) -> dict[str, JsonValue]:
    """The claims of these scopes and of these names, as far as there is something to say."""
    wanted = {name for scope in scopes for name in CLAIMS.get(scope, ())} | set(named)
    return {name: value for name, value in _known(person).items() if name in wanted}


def _known(person: PersonFacts) -> dict[str, JsonValue]:
    known: dict[str, JsonValue] = {"preferred_username": person.person.username}
    if person.name:
        known["name"] = person.name
    if person.email:
        known |= {"email": person.email, "email_verified": person.email_verified}
    return known
