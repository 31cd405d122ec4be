"""Keys and discovery: what signs, what comes next, what is trusted no more; and where others find us."""

from __future__ import annotations

from typing import Final

from idjag.durations import parse_duration
from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.console.fields import NOTHING_WRONG, Wrong
from idjag.idp.console.places import Place, kept
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.key_rotation import SOONEST, KeyUnknown
from idjag.ledger.entry import Key, Row
from idjag.protocol import metadata
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_HERE: Final = "/admin/keys"
_ALGS: Final = ("ES256", "RS256", "Ed25519")
_USES: Final = {
    "ES256": "ID-JAGs, unless a resource app says otherwise",
    "RS256": "ID tokens, unless an app says otherwise",
    "Ed25519": "where an app or a resource app says so",
}
_LONGEST_AHEAD: Final = 30 * 86400


def _show(desk: Desk, visit: Visit) -> Reply:
    return _page(desk, visit, NOTHING_WRONG)


def _page(desk: Desk, visit: Visit, wrong: Wrong) -> Reply:
    issuer, asked = desk.office.issuer, visit.asked
    return desk.show(
        "keys.html",
        visit,
        status=422 if wrong.problem else 200,
        wrong=wrong,
        ticked=asked.every("alg") if asked.has("ahead") else _ALGS,
        ahead=asked.one("ahead") if asked.has("ahead") else "24h",
        keys=_rows(desk),
        algs=[(alg, f"{alg}: {_USES[alg]}") for alg in _ALGS],
        addresses=[
            ("Issuer URL", issuer),
            ("OpenID configuration", _absolute(issuer, metadata.openid_path(issuer))),
            ("Authorization server metadata", _absolute(issuer, metadata.authorization_server_path(issuer))),
            ("JWK Set", desk.services.base + "/jwks"),
        ],
    )


def _absolute(issuer: str, path: str) -> str:
    scheme, _, rest = issuer.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}{path}"


def _rows(desk: Desk) -> list[Row]:
    """The newest first, those that are gone at the end."""
    key = Key("signing_key", "tenant_id", desk.office.tenant)
    rows = desk.office.ledger.read((key,))(key)
    order = {"active": 0, "next": 1, "retiring": 2}
    return sorted(rows, key=lambda row: (order.get(str(row["status"]), 3), str(row["alg"]), str(row["id"])))


def _rotate(desk: Desk, visit: Visit) -> Reply:
    """Publish the next keys; they sign when everybody has fetched them."""
    algs = [alg for alg in _ALGS if alg in visit.asked.every("alg")]
    if not algs:
        raise _nothing("alg", "Tick at least one kind of key.")
    try:
        ahead = parse_duration(visit.asked.one("ahead"))
    except ValueError as wrong:
        raise _nothing("ahead", f"{wrong}".capitalize() + ".") from None
    if not SOONEST <= ahead <= _LONGEST_AHEAD:
        said = f"Between {SOONEST // 60} minutes, so that everybody has fetched them, and 30 days."
        raise _nothing("ahead", said)
    desk.office.keys(visit.source).rotate(algs, ahead=ahead, now=desk.now, actor=visit.actor)
    return desk.go(_HERE, done="rotated")


def _nothing(field: str, said: str) -> Problem:
    return Problem(422, "Nothing was published.", ((field, said),))


def _revoke(desk: Desk, visit: Visit) -> Reply:
    reason = visit.asked.words("reason")
    if not reason:
        raise Problem(422, "Say why: everything that this key has signed is refused from now on.")
    try:
        keys = desk.office.keys(visit.source)
        keys.revoke(visit.asked.one("id"), reason=reason, now=desk.now, actor=visit.actor)
    except KeyUnknown:
        raise Problem(404, "No living key has this kid.") from None
    return desk.go(_HERE, done="revoked")


PLACES: Final = {
    _HERE: Place(Permission.READ, show=_show, under=_HERE),
    "/admin/keys/rotate": Place(Permission.KEYS, change=kept(_rotate, _page), recent=True, under=_HERE),
    "/admin/keys/revoke": Place(Permission.KEYS, change=_revoke, recent=True, under=_HERE),
}
