"""Reads the metadata of an issuer: where it says that its keys are, and that it is who we asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from idjag.protocol.jose.errors import JoseError
from idjag.protocol.jose.json import JsonValue, parse_object
from idjag.trust.fetch import Fetcher
from idjag.trust.outbound import FetchFailed, parse_url

__all__ = ["Metadata", "discover", "metadata_urls"]

MAX_METADATA = 64 * 1024
_INSERTED = "/.well-known/oauth-authorization-server"
_APPENDED = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Metadata of an authorization server whose ``issuer`` is the one that was asked for.

    ``jwks_uri`` is None when it publishes no keys; ``members`` is the whole document, unchecked.
    """

    issuer: str
    jwks_uri: str | None
    members: Mapping[str, JsonValue] = field(repr=False)


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where metadata of the issuer may stand, in the order of trying; raises FetchFailed.

    RFC 8414 section 3.1 (inserted before the path), OpenID Connect Discovery section 4.1 (appended).
    """
    target = parse_url(issuer)
    if "?" in issuer:
        raise FetchFailed("an issuer must not have a query")
    origin = f"{target.scheme}://{target.authority}"
    path = target.path.removesuffix("/")
    return f"{origin}{_INSERTED}{path}", f"{origin}{path}{_APPENDED}"


def discover(fetcher: Fetcher, issuer: str) -> Metadata:
    """The issuer's metadata from the first place that has it; raises FetchFailed with what each said.

    Both places are on the issuer's own origin, so that neither can speak for another issuer.
    """
    problems: list[str] = []
    for url in metadata_urls(issuer):
        try:
            return _metadata(fetcher, url, issuer)
        except FetchFailed as failed:
            problems.append(failed.problem)
    raise FetchFailed(f"metadata of {issuer}: {'; '.join(problems)}")


def _metadata(fetcher: Fetcher, url: str, issuer: str) -> Metadata:
    fetched = fetcher.get(url, max_bytes=MAX_METADATA)
    # RFC 8414 section 3.2 knows one media type; an error page with status 200 has another.
    if fetched.media_type != "application/json":
        raise FetchFailed(f"{url}: the content type is {fetched.media_type[:60]!r}, not application/json")
    try:
        members = parse_object(fetched.body, max_bytes=MAX_METADATA)
    except JoseError as error:
        raise FetchFailed(f"{url}: not a JSON object ({error.code})") from None
    _check_issuer(members.get("issuer"), url, issuer)
    return Metadata(issuer, _jwks_uri(members.get("jwks_uri"), url), members)


def _check_issuer(claimed: JsonValue, url: str, issuer: str) -> None:
    """RFC 8414 section 3.3: identical, or another issuer's metadata could be passed off as this one's."""
    if claimed == issuer:
        return
    if not isinstance(claimed, str):
        raise FetchFailed(f"{url}: names no issuer")
    if claimed.rstrip("/").lower() == issuer.rstrip("/").lower():
        raise FetchFailed(
            f"{url}: names the issuer {claimed[:200]!r}, which differs only by a slash or by case; "
            "if that is the one, configure it so"
        )
    raise FetchFailed(f"{url}: names another issuer, {claimed[:200]!r}")


def _jwks_uri(value: JsonValue, url: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise FetchFailed(f"{url}: its jwks_uri is not a string")
    try:
        parse_url(value)
    except FetchFailed as failed:
        raise FetchFailed(f"{url}: its jwks_uri cannot be used: {failed.problem}") from None
    return value
