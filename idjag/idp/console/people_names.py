"""Who may be meant while somebody types a name: the first few people whose names begin so."""

from __future__ import annotations

from typing import Final

from idjag.idp.administration.roles import Permission
from idjag.idp.console.places import Place
from idjag.idp.console.visit import Desk, Visit
from idjag.protocol.http import Reply

__all__ = ["PLACES"]

_FIELDS: Final = ("user", "username", "id", "by")
"""What forms call the field that names a person."""

_MOST: Final = 8


def _suggest(desk: Desk, visit: Visit) -> Reply:
    text = next((said for name in _FIELDS if (said := visit.asked.one(name))), "")
    people = desk.office.lookups.find_people(text=text, limit=_MOST, now=desk.now)
    return desk.show("people_names.html", visit, people=people)


PLACES: Final = {"/admin/people/names": Place(Permission.READ, show=_suggest, under="/admin/people")}
