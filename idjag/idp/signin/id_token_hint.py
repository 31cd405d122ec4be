"""ID tokens that an app sends along as a hint: about whom it speaks, and in which session of theirs.

A hint is a token of ours for this very app.  That it has expired is no matter where somebody signs out
(OIDC-20), and nowhere else.
"""

from __future__ import annotations

from idjag.idp.snapshot import RegisteredApp, Snapshot
from idjag.protocol import id_token, names
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.id_token import IdToken
from idjag.protocol.jose import JoseError, jws

__all__ = ["for_sign_in", "for_sign_out"]


def for_sign_in(token: str, client: RegisteredApp, snapshot: Snapshot, *, now: int) -> IdToken:
    """The hint of an authorization request; raises Refused PARAMETER_WRONG (OpenID Connect Core 3.1.2.1)."""
    try:
        return _accepted(token, client, snapshot, now=now, at=now)
    except Refused:
        raise _wrong() from None


def for_sign_out(token: str, snapshot: Snapshot, *, now: int) -> tuple[IdToken, RegisteredApp]:
    """The hint of a logout request, however old, and the app that it was made for; raises Refused."""
    try:
        claims = jws.parse(token, max_bytes=names.MAX_SUBJECT_TOKEN).claims
    except JoseError:
        raise _wrong() from None
    # one that others may present too says whose it is in azp
    issued_to, iat = claims.get("azp", claims.get("aud")), claims.get("iat")
    client = snapshot.clients.get(issued_to) if isinstance(issued_to, str) else None
    if client is None or not client.registration.active or type(iat) is not int:
        raise _wrong()
    try:
        # judged as at the second when it was made; by a key that is still published, and never of the future
        return _accepted(token, client, snapshot, now=now, at=min(iat, now)), client
    except Refused:
        raise _wrong() from None


def _accepted(token: str, client: RegisteredApp, snapshot: Snapshot, *, now: int, at: int) -> IdToken:
    client_id = client.app.client_id
    hinted = id_token.subject_token(
        token,
        keys=snapshot.keys.verifying(now=now),
        issuer=snapshot.issuer,
        client_id=client_id,
        now=at,
        brokers=(client_id,),
    )
    if hinted.aud != client_id:  # another app's, which this one may present elsewhere
        raise _wrong()
    return hinted


def _wrong() -> Refused:
    return Refused(Reason.PARAMETER_WRONG, parameter="id_token_hint")
