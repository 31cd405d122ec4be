"""Back-channel logout: what is written where a session ends, who is told, how, and how often."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from idjag.idp.backchannel import person_ended, session_ended
from idjag.idp.facts import integer
from idjag.idp.logout.delivery import wait_after
from idjag.ledger.entry import Delete
from idjag.protocol.jose import jws
from idjag.trust.fetch import Fetched, FetchFailed
from tests.idp.oidc_plans.relying_party import HEARD, RelyingParty, register, registered
from tests.idp.signin.seeds import NOW, TENANT, update
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser
from tests.idp.telling import OTHER, Node, events, session_of, sign_out

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def rp(site: Site, browser: Browser) -> RelyingParty:
    return registered(site, browser)


@pytest.fixture
def node(site: Site) -> Node:
    return Node(site)


def test_the_app_is_told_with_a_logout_token(rp: RelyingParty, node: Node) -> None:
    """OIDC-21, OIDC-22: posted as a form; exactly these claims, the typ, no nonce; sid and sub."""
    tokens = rp.tokens()
    sign_out(rp)
    rp.site.clock.now += 1
    node.run()
    [(url, form)] = node.fetcher.sent
    assert (url, list(parse_qs(form.decode()))) == (HEARD, ["logout_token"])
    token = node.told()[0]
    claims = dict(jws.verify(token, keys=rp.keys(), algorithms=("RS256",)))
    assert jws.parse(token, max_bytes=8192).typ == "logout+jwt"
    assert len(str(claims.pop("jti"))) >= 22
    assert claims == {
        "iss": rp.site.issuer,
        "aud": "rp",
        "iat": NOW + 1,
        "exp": NOW + 121,
        "events": {EVENT: {}},
        "sub": tokens.claims["sub"],
        "sid": tokens.claims["sid"],
    }
    assert events(rp.site) == ["session.ended", "logout.delivered"]
    assert rp.site.rows("logout_notice") == []


def test_a_logout_token_is_no_subject_token(rp: RelyingParty, node: Node, site: Site) -> None:
    """XCH-41, attack case group G: what signs an app's people out buys nothing."""
    rp.tokens()
    sign_out(rp)
    node.run()
    answer = rp.userinfo(node.told()[0][:500])
    assert answer.status_code == 401
    page = rp.browser.get("/logout", params={"id_token_hint": node.told()[0]})
    assert "location" not in page.headers


def test_every_app_that_the_session_has_reached_is_told_and_no_other(
    rp: RelyingParty, node: Node, site: Site
) -> None:
    """OIDC-21: each by the name that it knows the session by, pairwise subs too, in its own algorithm."""
    with Browser(site) as elsewhere:
        register(site, id="unreached", backchannel_logout_uri=OTHER)
        pairwise = registered(
            site,
            rp.browser,
            id="pairwise",
            subject_type="pairwise",
            id_token_alg="ES256",
            backchannel_logout_uri=OTHER,
        )
        first = rp.tokens()
        answer = rp.browser.get("/authorize", params=pairwise.request())
        body = pairwise.token(pairwise.answered(answer)["code"]).json()
        RelyingParty(site, elsewhere).tokens("bob")
        sign_out(rp)
        node.run()
    assert sorted(url for url, _ in node.fetcher.sent) == sorted([HEARD, OTHER])
    said = {
        str(jws.parse(token, max_bytes=8192).claims["aud"]): jws.parse(token, max_bytes=8192)
        for token in node.told()
    }
    theirs = jws.parse(body["id_token"], max_bytes=8192).claims
    assert said["pairwise"].alg == "ES256"
    assert [said["pairwise"].claims[name] for name in ("sub", "sid")] == [
        theirs[name] for name in ("sub", "sid")
    ]
    assert said["rp"].claims["sid"] == first.claims["sid"] != theirs["sid"]


@pytest.mark.parametrize("status", [200, 204])
def test_both_good_answers_are_good(rp: RelyingParty, node: Node, status: int) -> None:
    """OIDC-21: Back-Channel Logout section 2.8."""
    node.fetcher.documents[HEARD] = Fetched(status, b"", {})
    rp.tokens()
    sign_out(rp)
    node.run()
    assert events(rp.site)[-1] == "logout.delivered"


def test_a_failure_is_tried_again_later_and_later(rp: RelyingParty, node: Node) -> None:
    """OIDC-21: with a fresh token each time; every result is in the log, and a day is the end."""
    node.fetcher.documents[HEARD] = FetchFailed(f"{HEARD}: 503")
    rp.tokens()
    sign_out(rp)
    for _ in range(40):
        node.run()
        due = [integer(row, "due") for row in rp.site.rows("logout_notice")]
        if not due:
            break
        assert due[0] > rp.site.clock.now
        rp.site.clock.now = due[0]
    tried = node.told()
    assert len({str(jws.parse(token, max_bytes=8192).claims["jti"]) for token in tried}) == len(tried)
    assert [wait_after(one) for one in (1, 2, 3, 7, 99)] == [10, 30, 120, 3600, 3600]
    assert 25 <= len(tried) <= 32
    assert events(rp.site) == ["session.ended", *["logout.failed"] * len(tried), "logout.abandoned"]
    failed = next(event for event in rp.site.events() if event["event"] == "logout.failed")
    assert (failed["requesting_app"], failed["inputs"]) == (
        "app-rp",
        {"attempts": 1, "problem": f"{HEARD}: 503"},
    )
    assert rp.site.clock.now <= NOW + 25 * 3600


def test_an_app_that_comes_back_is_told(rp: RelyingParty, node: Node) -> None:
    """The positive control of the one before."""
    node.fetcher.documents[HEARD] = FetchFailed("down")
    rp.tokens()
    sign_out(rp)
    node.run()
    node.run()
    assert len(node.fetcher.sent) == 1  # not before its time
    node.fetcher.documents[HEARD] = b""
    rp.site.clock.now += 10
    node.run()
    assert events(rp.site) == ["session.ended", "logout.failed", "logout.delivered"]


def test_one_app_that_is_down_delays_no_other(rp: RelyingParty, node: Node, site: Site) -> None:
    other = registered(site, rp.browser, id="other", backchannel_logout_uri=OTHER)
    node.fetcher.documents[HEARD] = FetchFailed("down")
    for _ in range(3):
        rp.tokens(prompt="login")
        other.answered(other.ask())
        sign_out(rp)
    node.run()
    assert [url for url, _ in node.fetcher.sent].count(OTHER) == 3
    # what waits for the same app is not tried as well while it is down
    assert [url for url, _ in node.fetcher.sent].count(HEARD) == 1


def test_a_person_whose_epoch_rose_is_signed_out_everywhere(rp: RelyingParty, node: Node, site: Site) -> None:
    """OIDC-21, attack case 158: every session of before, and none that began after."""
    with Browser(site) as second:
        sids = {rp.tokens().claims["sid"], RelyingParty(site, second).tokens().claims["sid"]}
        site.write(update("person", "p-alice", epoch=1), person_ended("p-alice", tenant=TENANT, now=NOW))
        after = rp.tokens(prompt="login")
        node.run()
        told = {jws.parse(token, max_bytes=8192).claims["sid"] for token in node.told()}
    assert told == sids
    assert rp.userinfo(after.access_token).status_code == 200


def test_an_order_that_comes_twice_tells_once(rp: RelyingParty, node: Node, site: Site) -> None:
    """Whoever ends a session that has ended already does no harm."""
    tokens = rp.tokens()
    session = session_of(site, str(tokens.claims["sid"]))
    for _ in range(2):
        site.write(session_ended(session, person_id="p-alice", tenant=TENANT, now=NOW))
    node.run()
    assert len(node.fetcher.sent) == 1


def test_after_a_delivery_the_same_session_may_be_told_of_again(
    rp: RelyingParty, node: Node, site: Site
) -> None:
    """Nothing gets stuck when an order is written anew within the same second."""
    session = session_of(site, str(rp.tokens().claims["sid"]))
    for _ in range(2):
        site.write(session_ended(session, person_id="p-alice", tenant=TENANT, now=site.clock.now))
        node.run()
    site.clock.now += 60
    node.run()
    assert len(node.fetcher.sent) == 2
    assert site.rows("logout_notice") == []


@pytest.mark.parametrize("how", ["gone", "switched off", "no address any more"])
def test_an_app_that_is_told_no_more_is_let_go(rp: RelyingParty, node: Node, site: Site, how: str) -> None:
    node.fetcher.documents[HEARD] = FetchFailed("down")
    rp.tokens()
    sign_out(rp)
    node.run()
    spec = json.loads(str(site.rows("app", id="app-rp")[0]["spec"])) | {"backchannel_logout_uri": None}
    change: dict[str, Any] = {
        "gone": Delete("app", {"id": "app-rp"}),
        "switched off": update("app", "app-rp", status="disabled"),
        "no address any more": update("app", "app-rp", spec=json.dumps(spec)),
    }
    site.write(change[how], policy=True)
    site.clock.now += 10
    node.run()
    assert (len(node.fetcher.sent), events(site)[-1]) == (1, "logout.abandoned")
    assert site.rows("logout_notice") == []


def test_a_person_who_is_gone_leaves_the_name_of_the_session(
    rp: RelyingParty, node: Node, site: Site
) -> None:
    """OIDC-21: sub or sid; the session is what the app must find."""
    tokens = rp.tokens()
    sign_out(rp)
    site.write(Delete("subject", {"person_id": "p-alice"}))
    node.run()
    claims = jws.parse(node.told()[0], max_bytes=8192).claims
    assert (claims["sid"], "sub" in claims) == (tokens.claims["sid"], False)


def test_the_sessions_of_a_deleted_person_are_told_of(rp: RelyingParty, node: Node, site: Site) -> None:
    """OIDC-21, attack case 158: by a file that prunes; then nothing of them is left."""
    sid = rp.tokens().claims["sid"]
    session = session_of(site, str(sid))
    order = session_ended(session, person_id="p-alice", tenant=TENANT, now=NOW)
    gone = [Delete(table, {"person_id": "p-alice"}) for table in ("session", "subject")]
    site.write(order, *gone, Delete("person", {"id": "p-alice"}))
    node.run()
    assert jws.parse(node.told()[0], max_bytes=8192).claims["sid"] == sid
    assert (site.rows("session_app"), site.rows("logout_notice")) == ([], [])
