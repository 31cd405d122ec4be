"""``idjag inspect TOKEN``: decodes a token and says what each claim means; offline, nothing is fetched."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from idjag.cli import Failed
from idjag.protocol import names
from idjag.protocol.jose import JoseError, KeySet, jws

__all__ = ["register", "run"]

_KINDS = {
    names.ID_JAG_TYP: "an ID-JAG (Identity Assertion JWT Authorization Grant)",
    names.ACCESS_TOKEN_TYP: "a JWT access token (RFC 9068)",
    names.CLIENT_AUTHENTICATION_TYP: "a client assertion (RFC 7523bis)",
    "jwt": "a JWT without a type of its own, such as an ID token",
}
_MEANINGS = {
    "iss": "who issued it",
    "sub": "the person, in the issuer's namespace",
    "aud": "who may accept it: the authorization server (ID-JAG), the API (access token), the app (ID token)",
    "client_id": "the requesting app's client id at the audience",
    "jti": "its own id; redeemed once",
    "iat": "issued",
    "exp": "expires",
    "auth_time": "when the person signed in",
    "acr": "how strong the sign-in was",
    "amr": "by which means",
    "scope": "what was granted",
    "resource": "at which APIs",
    "tenant": "the issuer's tenant",
    "aud_tenant": "the audience's tenant",
    "aud_sub": "the audience's own id of the person",
    "nonce": "binds it to one sign-in request",
    "sid": "the session",
    "session_expiry": "when the app must ask for a new sign-in",
    "cnf": "the key that must be proven",
    "act": "who acts",
}
_WRONG = {
    "segments": "a signed token is three parts with a dot between them; was it cut off?",
    "base64url": "a part of it is not base64url; was it cut off?",
    "syntax": "its header or its claims are not JSON",
    "algorithm": "it is signed in no way that is accepted here",
}
_TIMES = ("iat", "exp", "nbf", "auth_time", "session_expiry")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("inspect", help="decode and explain a token, offline")
    parser.add_argument("token", help="the token, or - to read it from standard input")
    parser.add_argument("--jwks", metavar="FILE", help="verify the signature with the keys in this file")
    parser.add_argument("--json", action="store_true", help="header and claims as JSON")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 0 when it could be read (and its signature is right, with --jwks), else 1."""
    token = (sys.stdin.read() if args.token == "-" else args.token).strip()
    try:
        jwt = jws.parse(token, max_bytes=names.MAX_ID_JAG)
    except JoseError as wrong:
        print(f"idjag: not a token: {_WRONG.get(wrong.code, wrong.code)}", file=err)
        return 1
    keys = _keys(args.jwks) if args.jwks else None
    if args.json:
        print(json.dumps({"header": jwt.header, "claims": jwt.claims}, indent=2), file=out)
    else:
        print(explained(jwt, now=int(time.time())), file=out)
    return _verified(jwt, keys, out=err if args.json else out)


def explained(jwt: jws.UnverifiedJwt, *, now: int) -> str:
    """Every claim on a line, with its meaning, and whether its time is now; the signature is never shown."""
    kind = _KINDS.get(jwt.typ or "", f"a token of type {jwt.typ or 'nothing'}")
    lines = [f"This is {kind}, signed with {jwt.alg} by key {jwt.kid or '(unnamed)'}."]
    for name, value in jwt.claims.items():
        shown = value if isinstance(value, str) else json.dumps(value)
        if name in _TIMES and isinstance(value, int):
            shown = f"{value} ({datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC)"
        meaning = _MEANINGS.get(name)
        lines.append(f"  {name}: {shown}" + (f"   - {meaning}" if meaning else ""))
    lines += _untimely(jwt, now=now)
    return "\n".join(lines)


def _untimely(jwt: jws.UnverifiedJwt, *, now: int) -> list[str]:
    """Why nobody accepts it at this moment, by the clock of this machine."""
    expires, begins = (jwt.claims.get(name) for name in ("exp", "nbf"))
    if isinstance(expires, int) and expires <= now:
        return [f"It has expired, {now - expires} seconds ago."]
    if isinstance(begins, int) and begins > now:
        return [f"It is not valid yet, for {begins - now} seconds."]
    return []


def _keys(path: str) -> KeySet:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path from the command line
            keys, _ = KeySet.parse(file.read())
    except OSError as error:
        raise Failed(f"{path}: {(error.strerror or 'cannot be read').lower()}", code=2) from None
    except JoseError as wrong:
        raise Failed(f"{path}: {wrong.code}; give a JWK Set (RFC 7517)", code=2) from None
    return keys


def _verified(jwt: jws.UnverifiedJwt, keys: KeySet | None, *, out: TextIO) -> int:
    if keys is None:
        print("The signature was not verified (no --jwks).", file=out)
        return 0
    try:
        jws.verify(jwt, keys=keys, algorithms=names.ASYMMETRIC)
    except JoseError as wrong:
        print(f"The signature is not right: {wrong.code}.", file=out)
        return 1
    print("The signature is right.", file=out)
    return 0
