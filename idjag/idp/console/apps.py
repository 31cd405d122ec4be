"""Apps: those that sign people in here, and those that want to reach another app; list, page, form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.app_secrets import new_secret
from idjag.idp.catalog.client_auth import SECRET_METHODS
from idjag.idp.console import who as who_form
from idjag.idp.console.app_secrets import secrets_of
from idjag.idp.console.changing import Proposal, opened, review
from idjag.idp.console.fields import NOTHING_WRONG, Wrong, wrong
from idjag.idp.console.forms import Field, filled, id_of, laid_over, paths
from idjag.idp.console.history import begins, history
from idjag.idp.console.places import Place
from idjag.idp.console.surroundings import around_app, holds_on
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.console.who import WhoForm, groups_offered
from idjag.idp.console.words import GRANTS, KINDS, METHODS
from idjag.idp.lookups import Thing
from idjag.idp.naming import names_of
from idjag.idp.questions import UnknownName, find_app
from idjag.policy.words import who_words
from idjag.protocol.client_certificate import SUBJECTS
from idjag.protocol.http import Reply

__all__ = ["BASIC", "KINDS", "METHODS", "NEW", "PATHS", "PLACES", "auth_said"]

_LIST: Final = "/admin/apps"
_PAGE: Final = "/admin/app"
_EDIT: Final = "/admin/app/edit"
_MOST: Final = 100
_RECENT: Final = 10

BASIC: Final = (
    Field("name"),
    Field("kind"),
    Field("client_id"),
    Field("redirect_uris", kind="lines"),
    Field("method", "auth.method"),
    Field("jwks_uri", "auth.jwks_uri"),
    *(Field(name, f"auth.{name}") for name in SUBJECTS),
    Field("grants", kind="boxes"),
    Field("scopes", kind="boxes"),
    Field("status"),
    Field("subject_type"),
    Field("sector_identifier_uri"),
    Field("id_token_alg"),
    Field("post_logout_redirect_uris", kind="lines"),
    Field("backchannel_logout_uri"),
    Field("require_pushed_authorization_requests", kind="flag"),
    Field("subject_tokens_from", kind="lines"),
)
PATHS: Final[Mapping[str, str]] = {
    **paths(BASIC),
    **{at.replace("who", "assigned", 1): name for at, name in who_form.FIELDS.items()},
    "id": "id",
    "auth": "method",
}
NEW: Final[Mapping[str, Any]] = {
    "kind": "web",
    "auth": {"method": "client_secret"},
    "grants": ["authorization_code", "token_exchange"],
    "scopes": ["openid"],
    "subject_type": "public",
    "id_token_alg": "RS256",
    "status": "active",
    "assigned": {"everyone": True},
}
_SUBJECTS: Final = {
    "tls_client_auth_subject_dn": ("Its subject", "As RFC 4514 writes it: CN=wiki,O=Acme."),
    "tls_client_auth_san_dns": ("A DNS name in it", ""),
    "tls_client_auth_san_uri": ("A URI in it", "Compared exactly."),
    "tls_client_auth_san_ip": ("An IP address in it", ""),
    "tls_client_auth_san_email": ("An email address in it", ""),
}
_FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "private_key_jwt": ("jwks", "jwks_uri"),
    "self_signed_tls_client_auth": ("jwks", "jwks_uri"),
    "tls_client_auth": SUBJECTS,
}
_SCOPES: Final = (
    ("openid", "openid: who somebody is"),
    ("profile", "profile: their name"),
    ("email", "email: their address"),
    ("offline_access", "offline_access: refresh tokens"),
)


def _list(desk: Desk, visit: Visit) -> Reply:
    policy, text = desk.office.ledger.fresh(desk.office.tenant).policy, visit.asked.one("q").casefold()
    after = visit.asked.one("after")
    found = sorted(
        (app for app in policy.apps.values() if text in f"{app.name}\0{app.key}".casefold()),
        key=lambda app: app.key,
    )
    shown = [app for app in found if app.key > after]
    return desk.show(
        "apps.html",
        visit,
        apps=[(app, len(policy.connected(app.id))) for app in shown[:_MOST]],
        held=frozenset(holds_on(desk)),
        next=shown[_MOST - 1].key if len(shown) > _MOST else "",
        text=visit.asked.one("q"),
        kinds=dict(KINDS),
    )


def _page(desk: Desk, visit: Visit) -> Reply:
    policy, key = desk.office.ledger.fresh(desk.office.tenant).policy, visit.asked.one("id")
    try:
        app = find_app(policy, key)
    except UnknownName as unknown:
        raise Problem(404, f"{unknown}.") from None
    there, held = opened(desk, "app", key), holds_on(desk)
    names = names_of(desk.office, [app.assigned])
    return desk.show(
        "app.html",
        visit,
        app=app,
        entry=there.entry,
        managed=there.managed,
        kinds=dict(KINDS),
        methods=dict(METHODS),
        assigned=who_words(app.assigned, names),
        links=around_app(desk, policy, app, held=frozenset(held)),
        hold=held.get(app.id),
        secrets=secrets_of(desk, app.key) if there.entry["auth"]["method"] in SECRET_METHODS else None,
        history=history(desk, Thing("app", app.id), limit=_RECENT + 1, before_no=begins(visit)),
        recent=_RECENT,
    )


def _form(desk: Desk, visit: Visit) -> Reply:
    """A new one without an id, else the one of that id as it is now."""
    key = visit.asked.one("id")
    if not key:
        return _shown(desk, visit, NEW, seen="")
    there = opened(desk, "app", key)
    return _shown(desk, visit, there.entry, seen=there.seen)


def _check(desk: Desk, visit: Visit) -> Reply:
    asked = visit.asked
    seen = asked.one("seen")
    key = asked.one("id") if seen else id_of(asked)
    there = opened(desk, "app", key) if seen else None
    entry = laid_over(there.entry if there else {"auth": {}}, BASIC, asked) | {"id": key}
    entry["auth"] = auth_said(entry["auth"], there.entry["auth"] if there else {})
    entry |= {"assigned": assigned} if (assigned := WhoForm.sent(asked).entry) else {}
    if not assigned:
        entry.pop("assigned", None)
    back = f"{_PAGE}?{urlencode({'id': key})}"
    proposal = Proposal.of("app", key, entry, seen, back, managed=bool(there and there.managed))
    try:
        return review(desk, visit, proposal)
    except Problem as problem:
        return _shown(desk, visit, entry, seen=seen, wrong=wrong(problem, PATHS))


def auth_said(auth: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """How it authenticates, with a secret of ours where it had none; keys of another method go."""
    method = auth.get("method")
    if method in SECRET_METHODS:
        had = before.get("method") in SECRET_METHODS
        return {"method": method, "secret": None if had else new_secret()}
    others = {name: value for name, value in auth.items() if name not in ("method", "secret")}
    if method != before.get("method"):
        fitting = _FITTING.get(str(method), ())
        others = {name: value for name, value in others.items() if name in fitting}
    return {"method": method, **others}


def _remove(desk: Desk, visit: Visit) -> Reply:
    there = opened(desk, "app", visit.asked.one("id"))
    return review(
        desk, visit, Proposal.of("app", visit.asked.one("id"), None, there.seen, _LIST, managed=there.managed)
    )


def _shown(
    desk: Desk, visit: Visit, entry: Mapping[str, Any], *, seen: str, wrong: Wrong = NOTHING_WRONG
) -> Reply:
    who, values = WhoForm.of(entry.get("assigned")), filled(entry, BASIC)
    return desk.show(
        "app_edit.html",
        visit,
        status=422 if wrong.problem else 200,
        key=entry.get("id", ""),
        values=values,
        subjects=[
            {"name": name, "label": label, "value": values[name], "hint": hint}
            for name, (label, hint) in _SUBJECTS.items()
        ],
        seen=seen,
        wrong=wrong,
        who=who,
        groups=groups_offered(desk, *who.groups, *who.not_groups),
        kinds=KINDS,
        methods=METHODS,
        grants=GRANTS,
        scopes=_SCOPES,
    )


PLACES: Final = {
    _LIST: Place(Permission.READ, show=_list, under=_LIST),
    _PAGE: Place(Permission.READ, show=_page, under=_LIST),
    _EDIT: Place(Permission.APPS, show=_form, change=_check, under=_LIST),
    "/admin/app/remove": Place(Permission.APPS, change=_remove, under=_LIST),
}
