"""One request to My access, by somebody who is signed in: who they are, and how they get a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from idjag.idp import facts
from idjag.idp.audit import Source
from idjag.idp.facts import PersonFacts, string
from idjag.idp.services import Services
from idjag.idp.signin import browser
from idjag.idp.signin.pages import Pages, Viewer, redirect, viewer_of
from idjag.idp.signin.sessions import SignedIn
from idjag.ledger.entry import Key
from idjag.protocol.form import Form
from idjag.protocol.http import Reply, TokenRequest

__all__ = ["Desk", "Visit"]

_PURPOSE = "me"


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, for what.

    ``path`` is below the issuer; ``asked`` is what the query of a GET, or the form of a POST, says.
    """

    session: SignedIn
    person: PersonFacts
    viewer: Viewer
    source: Source
    path: str
    asked: Form

    @property
    def person_id(self) -> str:
        """The person's id."""
        return self.session.person_id

    @property
    def actor(self) -> Mapping[str, str]:
        """The person, as audit events name them."""
        return {"kind": "person", "id": self.session.person_id}

    @property
    def name(self) -> str:
        """What the person is called."""
        return self.person.name or self.person.person.username

    def token(self, path: str) -> str:
        """The token of a form that is sent to ``path``: of this session, and for that alone."""
        return browser.form_token(self.session.secret, purpose=_PURPOSE, content=path)

    @property
    def sent_by_us(self) -> bool:
        """Whether this session was given the form that came."""
        token = self.asked.one("form_token")
        return browser.form_token_fits(token, self.session.secret, purpose=_PURPOSE, content=self.path)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page of My access is made with."""

    services: Services
    pages: Pages

    def visit(
        self, request: TokenRequest, session: SignedIn, *, path: str, asked: Form, source: Source
    ) -> Visit | None:
        """The visit of whoever is signed in; None when that person is gone.  Raises Unavailable."""
        tenant = Key("tenant", "id", self.services.tenant)
        found = self.services.ledger.read((tenant, *facts.person_keys(session.person_id)))
        person = facts.person(found, session.person_id)
        if person is None:
            return None
        names = [string(row, "name") for row in found(tenant)]
        query = request.query.decode("latin-1")
        here = "" if request.method == "POST" else f"{path}?{query}" if query else path
        viewer = viewer_of(request, names[0] if names else "", here=here)
        return Visit(session, person, viewer, source, path, asked)

    def show(
        self, template: str, visit: Visit, *, status: int = 200, script: str = "", **values: Any
    ) -> Reply:
        """A page of templates/me, with the times and forms of this visit."""
        return self.pages.show(
            f"me/{template}",
            viewer=visit.viewer,
            status=status,
            script=script,
            now=visit.source.now,
            name=visit.name,
            token=visit.token,
            **values,
        )

    def go(self, path: str, **query: str) -> Reply:
        """On to another page, so that nothing is sent twice; ``done`` tells it what to say."""
        return redirect(self.pages.url(path) + (f"?{urlencode(query)}" if query else ""))
