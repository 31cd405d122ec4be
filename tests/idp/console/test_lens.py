"""The token lens: what is pasted is explained, held against our records, and neither kept nor shown again."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from html import unescape
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from idjag.idp.administration.roles import Role
from idjag.idp.console.lens_words import MEANING
from idjag.idp.lens import KNOWN
from idjag.ledger.entry import Update
from idjag.protocol import names
from idjag.protocol.jose import JsonValue, PrivateKey, jws
from tests.idp.console.desk import Administrator
from tests.idp.me.person import administer, policy
from tests.idp.signin.site import Site

LENS = "/admin/lens"
CANARY = "canary-dc2f5e"
STRANGER = PrivateKey.generate("ES256", kid="stranger")


def id_jag(owner: Administrator, *, scope: str = "chat.read") -> str:
    return str(owner.act(scope=scope).json()["access_token"])


def id_token(owner: Administrator) -> str:
    answered = owner.ask()
    code = re.findall(r"[?&]code=([^&]+)", answered.headers["location"])[0]
    return str(owner.redeem(code).json()["id_token"])


def pasted(owner: Administrator, token: str) -> httpx.Response:
    return owner.submit(owner.page(LENS), LENS, token=token)


def looked(owner: Administrator, token: str) -> str:
    page = pasted(owner, token)
    assert page.status_code == 200, page.text
    return unescape(page.text)


def foreign(
    more: Mapping[str, JsonValue] = MappingProxyType({}),
    /,
    *,
    typ: str = names.ID_JAG_TYP,
    **claims: JsonValue,
) -> str:
    said = {"iss": "https://elsewhere.example", "sub": "eve", **claims, **more}
    return jws.sign(said, key=STRANGER, typ=typ)


def ours(site: Site, claims: Mapping[str, JsonValue], *, typ: str = names.ID_JAG_TYP) -> str:
    """Signed by the key that signs here."""
    keys = site.ledger.fresh(site.services.tenant).keys
    return jws.sign(claims, key=keys.signing("ES256", now=site.clock.now), typ=typ)


def forged(token: str) -> str:
    """The same claims, signed by nobody of ours under the name of our key."""
    head, body, signature = token.split(".")
    return f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def claims(token: str) -> dict[str, Any]:
    return dict(jws.parse(token, max_bytes=16_384).claims)


def test_an_id_jag_of_ours_is_explained_and_found_in_the_records(owner: Administrator, site: Site) -> None:
    token = id_jag(owner)
    page = looked(owner, token)
    for said in ("Signed here", "would take it now", "Issued", "not reported", "wiki-at-chat", "Chat"):
        assert said in page
    for link in ("connection?id=wiki-chat", "person?id=alice", "app?id=wiki", "resource-app?id=chat"):
        assert f'href="/admin/{link}">' in page, link
    for name in claims(token):
        assert f">{name}</bdi></th>" in page, name
    used = site.last_event()
    assert used["event"] == "lens.used"
    assert used["actor"]["kind"] == "person"
    about = used["after"]["about"]
    assert about == {
        "shown": True,
        "kind": "id_jag",
        "signature": "ours",
        "jti": claims(token)["jti"],
    }


def test_neither_token_nor_signature_is_shown_logged_or_recorded(
    owner: Administrator, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for token in (id_jag(owner), id_token(owner), forged(id_jag(owner))):
            page = looked(owner, token)
            for part in (token, *token.split(".")):
                assert part not in page
                assert part not in json.dumps(site.events())
                assert part not in caplog.text
            assert claims(token)["sub"] in page


def test_an_id_jag_that_has_expired_would_be_refused(owner: Administrator, site: Site) -> None:
    token = id_jag(owner)
    site.clock.now = claims(token)["exp"] + 59
    assert "would take it now" in looked(owner, token)
    site.clock.now += 1
    page = looked(owner, token)
    assert "would refuse it now" in page
    assert '<span class="mono">expired</span>' in page


def test_a_changed_token_is_said_to_be_no_word_of_ours_and_nothing_is_looked_up(
    owner: Administrator, site: Site
) -> None:
    page = looked(owner, forged(id_jag(owner)))
    assert "Not what was signed" in page
    assert "nothing below was said by us" in page
    assert "In our records" not in page
    assert "now</span>" not in page
    assert "jti" not in site.last_event()["after"]["about"]


def test_what_is_not_ours_is_not_looked_up(owner: Administrator, site: Site) -> None:
    said = "No app has this client ID today."
    assert said not in looked(owner, foreign({"aud": "gone"}, typ="JWT"))
    real = claims(id_token(owner))
    assert said in looked(owner, ours(site, {**real, "aud": "gone"}, typ="JWT"))


def test_a_token_of_a_key_that_was_revoked_is_no_word_of_ours(owner: Administrator) -> None:
    token = id_jag(owner)
    kid = str(jws.parse(token, max_bytes=16_384).kid)
    done = owner.submit(owner.page("/admin/keys"), "/admin/keys/revoke", id=kid, reason="it leaked")
    assert done.status_code == 303
    page = looked(owner, token)
    assert "No such key" in page
    assert "In our records" not in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"client_id": "wiki-anew"}, "says another client ID today"),
        (
            {"scopes": ["chat.write", "chat.history"]},
            "Not registered at the resource app any more: chat.read.",
        ),
        ({"issuer": "https://new.chat.example/"}, "has another issuer URL today"),
    ],
)
def test_what_would_be_other_today_is_said_at_its_claim(
    owner: Administrator, site: Site, change: dict[str, Any], said: str
) -> None:
    token = id_jag(owner)
    assert said not in looked(owner, token)
    state = policy(scopes=["chat.write"])
    (target,), (connection,) = state["resource_apps"], state["connections"]
    connection |= {name: change[name] for name in change if name == "client_id"}
    target |= {name: change[name] for name in change if name == "issuer"}
    target["resources"][0]["scopes"] = change.get("scopes", target["resources"][0]["scopes"])
    administer(site, state)
    page = looked(owner, token)
    assert said in page
    assert "Signed here" in page


def test_an_id_token_leads_to_its_person_its_app_and_whether_the_sign_in_stands(
    owner: Administrator, site: Site
) -> None:
    token = id_token(owner)
    page = looked(owner, token)
    for said in ("An ID token", "Signed here", "would take it now", "stands"):
        assert said in page
    assert 'href="/admin/person?id=alice"' in page
    assert 'href="/admin/app?id=wiki"' in page
    assert "The connection" not in page
    late = {**claims(token), "exp": site.clock.now - 60}
    assert "subject_token_expired" in looked(owner, ours(site, late, typ="JWT"))
    lost = {**claims(token), "sid": "unknown"}
    assert "Nobody is there any more who signed in so." in looked(owner, ours(site, lost, typ="JWT"))
    gone = {**claims(token), "aud": "gone"}
    page = looked(owner, ours(site, gone, typ="JWT"))
    assert "No app has this client ID today." in page
    assert "subject_token_audience" in page


def test_an_id_token_of_a_sign_in_that_has_ended_says_so(owner: Administrator, site: Site) -> None:
    with Administrator(site, Role.AUDITOR, "bob") as bob:
        token = id_token(owner)
        assert "stands" in looked(bob, token)
        site.write(Update("session", {"person_id": "p-alice"}, {"ended": site.clock.now}))
        assert "has ended: no exchange takes this token any more" in looked(bob, token)


def test_an_auditor_may_look_and_a_rule_editor_may_not(site: Site, owner: Administrator) -> None:
    token = id_jag(owner)
    with Administrator(site, Role.AUDITOR, "bob") as bob:
        assert "Signed here" in looked(bob, token)
        assert LENS in bob.page("/admin").text
    with Administrator(site, Role.RULE_EDITOR, "bob") as bob:
        assert bob.get(LENS).status_code == 403
        assert LENS not in bob.page("/admin").text


def test_an_id_jag_that_the_log_has_forgotten_leads_to_its_resource_app(
    owner: Administrator, site: Site
) -> None:
    real = claims(id_jag(owner))
    page = looked(owner, ours(site, {**real, "jti": "unknown"}))
    assert "knows nothing of this jti" in page
    assert 'href="/admin/resource-app?id=chat"' in page
    gone = {**real, "jti": "unknown", "aud": "https://gone.example/"}
    assert "No resource app has this issuer URL today" in looked(owner, ours(site, gone))


def test_every_claim_that_is_shown_by_name_is_explained() -> None:
    for kind, known in KNOWN.items():
        assert set(known) == MEANING[kind].keys()
