"""The addresses that an administrator enters: issuers, aliases, resources, redirect URIs.

Compared and emitted byte for byte, so nothing is repaired here: what is not clean is refused.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from idjag.protocol.addresses import is_secure, redirect_uri_problem
from idjag.protocol.resources import is_resource
from idjag.trust.outbound import FetchFailed, parse_url

__all__ = ["Alias", "Issuer", "LogoutUri", "RedirectUri", "ResourceUri"]


def _error(text: str) -> PydanticCustomError:
    return PydanticCustomError("address", text)


def _absolute(uri: str) -> str:
    if not is_resource(uri):
        raise _error("must be an absolute URI in plain ASCII, without fragment, user name or white space")
    if "*" in uri:
        raise _error("wildcards do not work: addresses are compared whole")
    return uri


def _issuer(uri: str) -> str:
    _absolute(uri)
    if not is_secure(uri):
        raise _error("an issuer is an https URL (http only on this machine's loopback address)")
    if "?" in uri:
        raise _error("an issuer has no query")
    return uri


def _redirect_uri(uri: str) -> str:
    if problem := redirect_uri_problem(uri):
        raise _error(problem)
    return uri


def _logout_uri(uri: str) -> str:
    """Where we post to: what the outbound fetcher could never reach is refused here."""
    _absolute(uri)
    if not is_secure(uri):
        raise _error("must be an https URL (http only on this machine's loopback address)")
    try:
        parse_url(uri)
    except FetchFailed as failed:
        raise PydanticCustomError("address", "cannot be reached: {why}", {"why": failed.problem}) from None
    return uri


_URI = WithJsonSchema({"type": "string", "format": "uri"})

Issuer: TypeAlias = Annotated[str, AfterValidator(_issuer), _URI]
Alias: TypeAlias = Annotated[str, AfterValidator(_absolute), _URI]
ResourceUri: TypeAlias = Annotated[str, AfterValidator(_absolute), _URI]
LogoutUri: TypeAlias = Annotated[str, AfterValidator(_logout_uri), _URI]
RedirectUri: TypeAlias = Annotated[str, AfterValidator(_redirect_uri), _URI]
