"""The longest values that an administrator may enter: what we then sign is what a RAS of ours accepts."""

from __future__ import annotations

from idjag.protocol import id_jag
from tests.idp.grants.acme import CHAT, NOW, acme, chat, connection, rule, state

ALICE = {
    "username": "alice",
    "name": "Ä" * 500,
    "email": f"{'a' * 64}@{'b' * 63}.{'c' * 63}.example",
    "groups": ["engineering"],
    "attributes": {"chat_id": "x" * 255},
}


def test_the_grant_of_the_longest_values_is_accepted() -> None:
    """JAG-14, JAG-19 to JAG-22 meet RAS-12 to RAS-19: one side's limits are the other's."""
    uri = "https://api.chat.example/" + "p" * 2000
    target = chat(
        release=["email", "name"],
        aud_sub={"attribute": "chat_id"},
        resources=[{"uri": uri, "scopes": ["s" * 200]}],
    )
    rules = [rule(scopes="any", default_scopes=["s" * 200], resources=[uri])]
    text = state(
        users=[ALICE], resource_apps=[target], connections=[connection(client_id="w" * 200, rules=rules)]
    )
    with acme(text) as idp:
        claims = idp.exchange(idp.sign_in(), resource=uri, scope="s" * 200).grant
    grant = id_jag.accept(claims, audiences=[CHAT], client_id="w" * 200, now=NOW, skew=60, max_lifetime=600)
    assert (grant.name, grant.email, grant.aud_sub) == (ALICE["name"], ALICE["email"], "x" * 255)
    assert grant.resources == (uri,)
