"""What the developer of a requesting app pastes: the two requests of one connection, with its own values.

Pure; no secret is known here, and each is named as an environment variable.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus

from idjag.idp.snapshot import Snapshot
from idjag.policy.model import Connection
from idjag.protocol import names
from idjag.protocol.metadata import authorization_server_path
from idjag.protocol.scopes import join

__all__ = ["Snippet", "Values", "snippets", "values_of"]

_ASSERTED: Final = frozenset({names.PRIVATE_KEY_JWT, names.CLIENT_ID_METADATA_DOCUMENT})


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text to paste; ``language`` is what a highlighter calls it."""

    title: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Values:
    """What a client has to be told.

    ``idp`` and ``ras`` are issuers, byte for byte.  ``ras_token_endpoint``: "" where nobody has asked for it.
    ``auth_method``: as registered at the IdP.  ``resource``: "" for an app without resource indicators.
    """

    app: str
    resource_app: str
    idp: str
    client_id: str
    auth_method: str
    ras: str
    client_id_at_resource: str
    resource: str = ""
    scopes: tuple[str, ...] = ()
    ras_token_endpoint: str = ""


def values_of(snapshot: Snapshot, connection: Connection, *, token_endpoint: str = "") -> Values:
    """Those of a connection: its first resource indicator, and there what its rules name."""
    app, target = (
        snapshot.policy.apps[connection.app],
        snapshot.policy.resource_apps[connection.resource_app],
    )
    first = target.resources[0] if target.resources else None
    known = first.scopes if first else target.scopes
    allowed = {one for one in known for rule in connection.rules if rule.scopes.admits(one)}
    return Values(
        app=app.name,
        resource_app=target.name,
        idp=snapshot.issuer,
        client_id=app.client_id,
        auth_method=snapshot.clients[app.client_id].registration.method,
        ras=target.issuer,
        client_id_at_resource=connection.client_id or (app.client_id if app.by_document else ""),
        resource=first.uri if first else "",
        scopes=tuple(sorted(allowed)),
        ras_token_endpoint=token_endpoint,
    )


def snippets(values: Values) -> tuple[Snippet, ...]:
    """In the order of usefulness."""
    return (
        Snippet("Two HTTP requests", "sh", _requests(values)),
        Snippet("Python", "python", _python(values)),
        Snippet("MCP client (enterprise-managed authorization)", "json", _mcp(values)),
    )


def _requests(values: Values) -> str:
    exchange = [
        ("grant_type", names.TOKEN_EXCHANGE),
        ("requested_token_type", names.ID_JAG_TOKEN),
        ("subject_token_type", names.ID_TOKEN),
        ("audience", values.ras),
        *_wanted(values),
    ]
    redemption = [("grant_type", names.JWT_BEARER), *_wanted(values)]
    asserted = values.auth_method in _ASSERTED
    place = _metadata_url(values.ras)
    lines = [
        f"# 1. At the IdP: the ID token of somebody who is signed in to {values.app}, for an ID-JAG",
        f"curl --fail-with-body {shlex.quote(values.idp.removesuffix('/') + '/token')} \\",
        *(_assertion(values.client_id) if asserted else _basic(values.client_id, "IDP_CLIENT_SECRET")),
        '  --data-urlencode "subject_token=$ID_TOKEN" \\',
        *_parameters(exchange),
        "",
        f"# 2. At the resource authorization server of {values.resource_app}: the ID-JAG, which is the",
        "#    access_token of the first answer, for an access token",
        *([] if values.ras_token_endpoint else [f"#    RAS_TOKEN_ENDPOINT is the token_endpoint in {place}"]),
        f"curl --fail-with-body {_endpoint(values)} \\",
        *_basic(values.client_id_at_resource, "RAS_CLIENT_SECRET"),
        '  --data-urlencode "assertion=$ID_JAG" \\',
        *_parameters(redemption),
    ]
    return "\n".join(lines) + "\n"


def _wanted(values: Values) -> Iterable[tuple[str, str]]:
    """On both legs: some servers grant only what is named in the second one."""
    if values.resource:
        yield "resource", values.resource
    if values.scopes:
        yield "scope", join(values.scopes)


def _endpoint(values: Values) -> str:
    return shlex.quote(values.ras_token_endpoint) if values.ras_token_endpoint else '"$RAS_TOKEN_ENDPOINT"'


def _basic(client_id: str, secret: str) -> list[str]:
    # RFC 6749 section 2.3.1: both parts are form-encoded before they are joined
    return [f'  --user {shlex.quote(quote_plus(client_id) + ":")}"${secret}" \\']


def _assertion(client_id: str) -> list[str]:
    return [
        f"  --data-urlencode {shlex.quote(f'client_id={client_id}')} \\",
        f"  --data-urlencode {shlex.quote(f'client_assertion_type={names.CLIENT_ASSERTION_TYPE}')} \\",
        '  --data-urlencode "client_assertion=$IDP_CLIENT_ASSERTION" \\',
    ]


def _parameters(form: Iterable[tuple[str, str]]) -> list[str]:
    lines = [f"  --data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in form]
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]


def _metadata_url(issuer: str) -> str:
    scheme, _, rest = issuer.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{authorization_server_path(issuer)}"


def _mcp(values: Values) -> str:
    """No client has a standard file for it; these are what every one of them asks for."""
    settings = {
        "idp_issuer": values.idp,
        "idp_client_id": values.client_id,
        "mcp_server": values.resource or None,
        "authorization_server": values.ras,
        "client_id": values.client_id_at_resource,
        "scope": join(values.scopes) or None,
    }
    return json.dumps({name: value for name, value in settings.items() if value}, indent=2) + "\n"


def _python(values: Values) -> str:
    asserted = values.auth_method in _ASSERTED
    constants = {
        "IDP": values.idp,
        "IDP_CLIENT_ID": values.client_id,
        "RAS": values.ras,
        "RAS_CLIENT_ID": values.client_id_at_resource,
    }
    return _PROGRAM.format(
        # names are what people typed: they end no comment and no string
        title=json.dumps(f"{values.app} calls {values.resource_app} on behalf of people")[1:-1],
        constants="\n".join(f"{name} = {value!r}" for name, value in constants.items()),
        wanted=repr(dict(_wanted(values))),
        signed=_SIGNED if asserted else "",
        at_the_idp=_BY_ASSERTION if asserted else _BY_SECRET,
    )


_BY_SECRET: Final = 'data=form, auth=basic(IDP_CLIENT_ID, os.environ["IDP_CLIENT_SECRET"])'
_BY_ASSERTION: Final = "data=form | assertion()"
_SIGNED: Final = '''

def assertion() -> dict[str, str]:
    """A JWT about IDP_CLIENT_ID for IDP, signed with the key of this app anew for each request (RFC 7523)."""
    return {
        "client_id": IDP_CLIENT_ID,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": os.environ["IDP_CLIENT_ASSERTION"],
    }
'''
_PROGRAM: Final = '''\
# {title}: their ID token becomes an ID-JAG, the ID-JAG an access token.
# Needs httpx.  Secrets come from the environment.
import os
import sys
from urllib.parse import quote_plus, urlsplit

import httpx

{constants}
WANTED = {wanted}


def token_endpoint(issuer: str) -> str:
    """As the metadata says, if that calls itself so (RFC 8414, sections 3.1 and 3.3)."""
    parts = urlsplit(issuer)
    place = "/.well-known/oauth-authorization-server" + parts.path.rstrip("/")
    metadata = httpx.get(f"{{parts.scheme}}://{{parts.netloc}}{{place}}").raise_for_status().json()
    if metadata["issuer"] != issuer:
        raise ValueError(f"{{issuer}} calls itself {{metadata['issuer']}}")
    return metadata["token_endpoint"]


def basic(client_id: str, secret: str) -> httpx.BasicAuth:
    """Both parts are form-encoded before they are joined (RFC 6749, section 2.3.1)."""
    return httpx.BasicAuth(quote_plus(client_id), quote_plus(secret))
{signed}

def id_jag(id_token: str) -> str:
    """An ID token of somebody who is signed in, for an ID-JAG."""
    form = {{
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "subject_token": id_token,
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        "audience": RAS,
        **WANTED,
    }}
    answer = httpx.post(token_endpoint(IDP), {at_the_idp})
    issued = answer.raise_for_status().json()
    if issued["issued_token_type"] != form["requested_token_type"]:
        raise ValueError("the IdP issued something else than an ID-JAG")
    return issued["access_token"]


def access_token(id_token: str) -> str:
    """An access token for the API; ask for a new ID-JAG each time, since one works once."""
    form = {{
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": id_jag(id_token),
        **WANTED,
    }}
    credentials = basic(RAS_CLIENT_ID, os.environ["RAS_CLIENT_SECRET"])
    answer = httpx.post(token_endpoint(RAS), data=form, auth=credentials)
    return answer.raise_for_status().json()["access_token"]


if __name__ == "__main__":
    print(access_token(sys.stdin.read().strip()))
'''
