"""Client secrets on the page of an app: made, shown once, ended."""

from __future__ import annotations

from typing import Final

from idjag.idp.administration.roles import Permission
from idjag.idp.api.problem import Problem
from idjag.idp.app_secrets import AppSecret, SecretRefused, listed, make, retire
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.idp.questions import UnknownName
from idjag.protocol.http import Reply

__all__ = ["PLACES", "secrets_of"]

_OVERLAP: Final = 24 * 3600
"""Seconds for which an older secret still counts: long enough to bring the new one to where it is used."""


def secrets_of(desk: Desk, key: str) -> list[AppSecret]:
    """Those that still count."""
    return [one for one in listed(desk.office, key) if not one.over(desk.now)]


def _make(desk: Desk, visit: Visit) -> Reply:
    """A further secret, on a page of its own: it is seen this once."""
    key = visit.asked.one("id")
    try:
        made = make(desk.office, key, actor=visit.actor, overlap=_OVERLAP, source=visit.source)
    except (UnknownName, SecretRefused) as refused:
        raise Problem(422, f"{refused}.") from None
    return desk.show("app_secret.html", visit, key=key, made=made)


def _retire(desk: Desk, visit: Visit) -> Reply:
    key = visit.asked.one("id")
    try:
        retire(desk.office, key, visit.asked.one("secret"), actor=visit.actor, source=visit.source)
    except (UnknownName, SecretRefused) as refused:
        raise Problem(422, f"{refused}.") from None
    return desk.go("/admin/app", id=key, done="retired")


PLACES: Final = {
    "/admin/app/secret/new": Place(Permission.APPS, change=_make, recent=True, under="/admin/apps"),
    "/admin/app/secret/retire": Place(Permission.APPS, change=_retire, recent=True, under="/admin/apps"),
}
