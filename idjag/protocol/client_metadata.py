"""A client that is an address: which addresses can be one, and what the document there must say.

draft-ietf-oauth-client-id-metadata-document-01; pure: who fetches is elsewhere (idjag.trust.publications).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idjag.protocol import names
from idjag.protocol.addresses import has_dot_segments, is_loopback, origin_of, redirect_uri_problem
from idjag.protocol.jose import JoseError, KeySet
from idjag.protocol.jose.json import JsonValue, parse_object
from idjag.protocol.jose.minimums import algorithm_name
from idjag.protocol.resources import is_resource

__all__ = ["ClientMetadata", "MetadataWrong", "accept", "looks_like_one", "url_problem"]

_MOST_REDIRECT_URIS = 50
_LONGEST_SHOWN = 100
_SECRETS = ("client_secret", "client_secret_expires_at")
_SHARED = frozenset({names.CLIENT_SECRET_BASIC, names.CLIENT_SECRET_POST, "client_secret_jwt"})
_METHODS = (names.PRIVATE_KEY_JWT, names.NO_AUTHENTICATION)


class MetadataWrong(Exception):
    """The document is not one that we may believe; ``problem`` is a sentence for the operator."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """What a client says of itself, checked; an administrator's record decides what of it counts.

    ``method`` is private_key_jwt, with either ``keys`` or ``jwks_uri``, or none.
    """

    client_id: str
    method: str
    redirect_uris: tuple[str, ...] = ()
    keys: KeySet | None = None
    jwks_uri: str | None = None
    algorithms: tuple[str, ...] = names.ASYMMETRIC

    def changes(self, before: ClientMetadata) -> tuple[str, ...]:
        """The members that say something else than before, by their names in the document."""
        now, then = self._members(), before._members()
        return tuple(name for name, value in now.items() if value != then[name])

    def _members(self) -> dict[str, object]:
        return {
            "token_endpoint_auth_method": self.method,
            "redirect_uris": set(self.redirect_uris),
            "jwks": None if self.keys is None else [key.members for key in self.keys.keys],
            "jwks_uri": self.jwks_uri,
            "token_endpoint_auth_signing_alg": self.algorithms,
        }


def looks_like_one(client_id: str) -> bool:
    """Whether the client_id is in the name space of addresses, where no local name may sit."""
    return client_id.lower().startswith(("https://", "http://"))


def url_problem(client_id: str, *, loopback: bool) -> str | None:
    """Why no document can be the client of this name; None when one can (section 3, CAU-10).

    ``loopback``: our own issuer is on this machine, so that a client may be too, without TLS.
    A query is allowed: the section advises clients against it, and the administrator wrote this one.
    """
    if not is_resource(client_id):
        return "must be an absolute URL in plain ASCII, without fragment or user name"
    scheme, _, rest = client_id.partition("://")
    if not (scheme == "https" or (scheme == "http" and is_loopback(client_id))):
        return "must begin with https:// (http:// on this machine's loopback address alone)"
    if is_loopback(client_id) and not loopback:
        return "is on a loopback address, which is for an issuer on loopback alone"
    path = rest.partition("?")[0].partition("/")[2]
    if not path:
        return "must have a path, as in https://client.example/app.json"
    return "must have no . or .. in its path, however written" if has_dot_segments(client_id) else None


def accept(document: bytes, *, client_id: str) -> ClientMetadata:
    """Check the document that was served at ``client_id``; raises MetadataWrong.

    Section 4 and 6; CAU-12; the draft's section 8 on what a client that lists the profile lists too (CAU-14).
    """
    try:
        members = parse_object(document, max_bytes=names.MAX_CLIENT_METADATA)
    except JoseError as error:
        raise MetadataWrong(f"it is not a JSON object ({error.code})") from None
    _check_client_id(members.get("client_id"), client_id)
    for name in _SECRETS:  # also null: a document that speaks of secrets was made for something else
        if name in members:
            raise MetadataWrong(f"it has a {name}: everybody can read it")
    _check_profiles(members)
    method = _method(members.get("token_endpoint_auth_method"))
    redirect_uris = _redirect_uris(members)
    if method == names.NO_AUTHENTICATION:
        return ClientMetadata(client_id, method, redirect_uris)
    keys, jwks_uri = _keys(members, client_id)
    algorithms = _algorithms(members.get("token_endpoint_auth_signing_alg"))
    return ClientMetadata(client_id, method, redirect_uris, keys, jwks_uri, algorithms)


def _check_client_id(claimed: JsonValue, client_id: str) -> None:
    """Simple string comparison (RFC 3986 section 6.2.1): it must not speak for another client."""
    if claimed == client_id:
        return
    if not isinstance(claimed, str):
        raise MetadataWrong("it has no client_id")
    shown = ascii(claimed[:_LONGEST_SHOWN])
    if claimed.rstrip("/").lower() == client_id.rstrip("/").lower():
        raise MetadataWrong(f"its client_id is {shown}, which differs only by a slash or by case")
    raise MetadataWrong(f"its client_id is another one, {shown}")


def _check_profiles(members: Mapping[str, JsonValue]) -> None:
    grants = _texts(members, "grant_types")
    profiles = _texts(members, "authorization_grant_profiles_supported")
    missing = [one for one in (names.TOKEN_EXCHANGE, names.JWT_BEARER) if one not in grants]
    if names.ID_JAG_PROFILE in profiles and missing:
        raise MetadataWrong(f"it lists the profile id-jag, and not the grant type {missing[0]}")


def _method(value: JsonValue) -> str:
    if value in _METHODS:
        return str(value)
    if value is None:  # RFC 7591 section 2: then it is client_secret_basic
        raise MetadataWrong("it has no token_endpoint_auth_method: write private_key_jwt or none")
    shown = ascii(value)[:_LONGEST_SHOWN]
    shared = isinstance(value, str) and value in _SHARED
    why = "a document has no place for a shared secret" if shared else "write private_key_jwt or none"
    raise MetadataWrong(f"its token_endpoint_auth_method is {shown}: {why}")


def _redirect_uris(members: Mapping[str, JsonValue]) -> tuple[str, ...]:
    uris = _texts(members, "redirect_uris")
    if len(uris) > _MOST_REDIRECT_URIS:
        raise MetadataWrong(f"it has more than {_MOST_REDIRECT_URIS} redirect_uris")
    for number, uri in enumerate(uris):
        if problem := redirect_uri_problem(uri):
            raise MetadataWrong(f"redirect_uris, number {number + 1}: {problem}")
    return uris


def _keys(members: Mapping[str, JsonValue], client_id: str) -> tuple[KeySet | None, str | None]:
    """One of ``jwks`` and ``jwks_uri`` (RFC 7591 section 2)."""
    jwks, jwks_uri = members.get("jwks"), members.get("jwks_uri")
    if (jwks is None) == (jwks_uri is None):
        raise MetadataWrong("private_key_jwt needs jwks or jwks_uri, and not both")
    if jwks is None:
        return None, _jwks_uri(jwks_uri, client_id)
    if not isinstance(jwks, dict):
        raise MetadataWrong("its jwks is not a JWK Set")
    try:
        keys, skipped = KeySet.parse(jwks)
    except JoseError as error:
        raise MetadataWrong(f"its jwks is not a JWK Set ({error.code})") from None
    if not keys.keys:
        raise MetadataWrong(f"its jwks has no usable key: {skipped[0] if skipped else 'it is empty'}")
    return keys, None


def _jwks_uri(value: JsonValue, client_id: str) -> str:
    """On the origin of the document: whom the administrator approved is who answers there (case 182)."""
    if not isinstance(value, str) or not is_resource(value):
        raise MetadataWrong("its jwks_uri is not a URL")
    if origin_of(value) != origin_of(client_id):
        raise MetadataWrong("its jwks_uri is on another origin than the document")
    return value


def _algorithms(value: JsonValue) -> tuple[str, ...]:
    if value is None:
        return names.ASYMMETRIC
    alg = algorithm_name(value) if isinstance(value, str) else ""
    if alg not in names.ASYMMETRIC:
        known = ", ".join(names.ASYMMETRIC)
        raise MetadataWrong(f"its token_endpoint_auth_signing_alg must be one of {known}")
    return (alg,)


def _texts(members: Mapping[str, JsonValue], name: str) -> tuple[str, ...]:
    value = members.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MetadataWrong(f"its {name} is not a list of texts")
    texts = [one for one in value if isinstance(one, str)]
    if len(texts) != len(value):
        raise MetadataWrong(f"its {name} is not a list of texts")
    return tuple(texts)
