"""A resource app, a rule with conditions, and the wiki's token exchange: what a sign-in is good for."""

from __future__ import annotations

import json
from typing import Any

import httpx

from idjag.idp.state.apply import apply
from idjag.idp.state.credentials import Credentials
from idjag.idp.state.read import read
from idjag.protocol import names
from idjag.yaml_file import read as read_yaml
from tests import plain_http
from tests.idp.signin.seeds import TENANT, WIKI_SECRET
from tests.idp.signin.site import Site

CHAT = "https://chat.example/"


class _Store:
    def __init__(self, site: Site) -> None:
        self.ledger, self.tenant, self.issuer = site.ledger, TENANT, site.issuer
        self.clock, self.new_id = site.clock, site.services.new_id


def state(site: Site, **sections: Any) -> None:
    """Apply a state file."""
    source = read(read_yaml(json.dumps({"version": 1, **sections}), source="state.yaml"))
    credentials = Credentials(str, str)
    actor = {"kind": "operator", "id": "0@host"}
    apply(_Store(site), source.state, credentials, actor=actor, digest="0" * 64)


def chat_asks_for(site: Site, **conditions: Any) -> None:
    """Chat is there, and whoever comes from the wiki must have signed in like that."""
    rule = {"id": "all", "who": {"everyone": True}, "scopes": ["read"], "default_scopes": ["read"]}
    state(
        site,
        resource_apps=[{"id": "chat", "name": "Chat", "issuer": CHAT, "scopes": ["read"]}],
        connections=[
            {
                "id": "wiki-chat",
                "from": "wiki",
                "to": "chat",
                "client_id": "wiki-at-chat",
                "rules": [{**rule, "conditions": conditions}],
            }
        ],
    )


def exchange(site: Site, id_token: str) -> httpx.Response:
    """The wiki asks for an ID-JAG for Chat."""
    fields = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": id_token,
        "subject_token_type": names.ID_TOKEN,
        "audience": CHAT,
    }
    return plain_http.post(f"{site.url}/token", data=fields, auth=("wiki", WIKI_SECRET))
