"""A person at My access over HTTP: what they see, and the forms that they send."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Self

import httpx

from idjag.idp.factors.totp import STEP, code_at
from idjag.idp.state.apply import How, apply
from idjag.idp.state.credentials import Credentials
from idjag.idp.state.read import read as read_state
from idjag.protocol import names
from idjag.yaml_file import read as read_yaml
from tests import plain_http
from tests.idp.signin.seeds import PASSWORDS, WIKI_SECRET
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser

CHAT = "https://acme.chat.example/"
API = "https://api.chat.example/"
_FORM = re.compile(r"<form[^>]*? action=\"([^\"]+)\"[^>]*>(.*?)</form>", re.DOTALL)
_INPUT = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def policy(**rule: Any) -> dict[str, Any]:
    """A state file in which the wiki may act at the chat; ``rule`` changes its one rule."""
    allow = {"id": "all", "who": {"everyone": True}, "scopes": ["chat.read", "chat.write"], **rule}
    return {
        "version": 1,
        "resource_apps": [
            {
                "id": "chat",
                "name": "Chat",
                "issuer": CHAT,
                "resources": [{"uri": API, "scopes": ["chat.read", "chat.history", "chat.write"]}],
            }
        ],
        "connections": [
            {
                "id": "wiki-chat",
                "from": "wiki",
                "to": "chat",
                "client_id": "wiki-at-chat",
                "status": "active",
                "owner": "it@acme.example",
                "reason": "threads in the wiki",
                "rules": [allow],
            }
        ],
    }


def administer(site: Site, state: Mapping[str, Any]) -> None:
    """Apply a state file."""
    source = read_state(read_yaml(json.dumps(state), source="state.yaml"))
    credentials = Credentials(lambda _ref: "", lambda _ref: "")
    actor = {"kind": "operator", "id": "root"}
    apply(site.services, source.state, credentials, actor=actor, digest="0" * 64, how=How())


class Person(Browser):
    """A person, who signs in when the ``with`` begins."""

    def __init__(self, site: Site, name: str = "alice") -> None:
        super().__init__(site)
        self.username = name

    def __enter__(self) -> Self:
        super().__enter__()
        page = self.get("/signin?page=me&max_age=600")
        entered = self.fill(page, username=self.username, password=PASSWORDS[self.username])
        assert entered.status_code == 303, entered.text
        assert entered.headers["location"].endswith("/me")
        return self

    def forms(self, page: httpx.Response) -> list[tuple[str, dict[str, str]]]:
        """The forms of a page: where each goes, and its hidden fields."""
        return [(action, dict(_INPUT.findall(body))) for action, body in _FORM.findall(page.text)]

    def press(self, page: httpx.Response, action: str, **fields: str) -> httpx.Response:
        """Send the first form of a page that goes there, with what was filled in."""
        hidden = next(fields for where, fields in self.forms(page) if where == action)
        return self.post(action, data={**hidden, **fields})

    @property
    def app_page(self) -> httpx.Response:
        """The page of the one app that can act."""
        (link,) = re.findall(r'href="(/me/app\?id=[^"]+)"', self.get("/me").text)
        return self.get(link)

    def act(self, *, scope: str = "chat.read") -> httpx.Response:
        """The wiki acts as this person at the chat."""
        came = self.ask()
        answered = came if came.status_code == 303 else self.fill(came, username="", password="")
        code = re.findall(r"[?&]code=([^&]+)", answered.headers["location"])[0]
        return self.exchange(self.redeem(code).json()["id_token"], scope=scope)

    def exchange(self, subject_token: str, *, scope: str = "chat.read") -> httpx.Response:
        """The wiki's own request to the token endpoint."""
        fields = {
            "grant_type": names.TOKEN_EXCHANGE,
            "requested_token_type": names.ID_JAG_TOKEN,
            "subject_token": subject_token,
            "subject_token_type": names.ID_TOKEN,
            "audience": CHAT,
            "scope": scope,
        }
        return plain_http.post(f"{self.site.url}/token", data=fields, auth=("wiki", WIKI_SECRET))

    def add_totp(self, *, label: str = "Phone") -> bytes:
        """Set up an authenticator app; its seed."""
        page = self.get("/me/sign-in/totp")
        secret = re.findall(r'class="secret">([A-Z2-7]+)<', page.text)[0]
        seed = base64.b32decode(secret + "=" * (-len(secret) % 8))
        added = self.press(page, "/me/sign-in/totp", code=self.code_of(seed), label=label)
        assert added.headers["location"] == "/me/sign-in?done=totp", added.text
        return seed

    def code_of(self, seed: bytes) -> str:
        """What the app shows now."""
        return code_at(seed, self.site.clock.now // STEP)
