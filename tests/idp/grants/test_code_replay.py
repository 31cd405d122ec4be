"""A code that comes twice: one success at most, and what the first use gave out ends."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from idjag.ledger.memory import MemoryLedger
from idjag.protocol.jose import JsonValue, jws
from idjag.protocol.names import CLIENT_ASSERTION_TYPE
from tests.idp.signin.seeds import BOARD_KEY, NOW
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, claims, is_refused

BOARD = {"client_id": "board", "redirect_uri": "https://board.example/cb"}


@pytest.mark.parametrize("later", [0, 30, 60, 3600])
def test_a_code_that_comes_twice_ends_what_the_first_use_gave(
    site: Site, browser: Browser, later: int
) -> None:
    """OIDC-06; modules codereuse and codereuse-30seconds."""
    code = browser.code()
    assert browser.redeem(code).status_code == 200
    site.clock.now += later
    assert is_refused(browser.redeem(code))
    assert site.rows("family")[0]["revoked"] == NOW + later
    assert site.rows("session_app") == []
    assert (site.last_event()["event"], site.last_event()["reason"]) == ("token.revoked", "code_replayed")


def test_a_replay_is_seen_when_its_one_time_id_is_forgotten(site: Site, browser: Browser) -> None:
    """OIDC-06: one-time ids are pruned, the family of the code is not."""
    code = browser.code()
    assert browser.redeem(code).status_code == 200
    assert isinstance(site.ledger, MemoryLedger)
    site.ledger._store.table("one_time").clear()
    assert is_refused(browser.redeem(code))
    assert site.last_event()["event"] == "token.revoked"


def test_after_a_replay_the_app_starts_over_with_another_sid(site: Site, browser: Browser) -> None:
    code = browser.code()
    first = claims(site, browser.redeem(code))["sid"]
    browser.redeem(code)
    location = httpx.URL(browser.ask().headers["location"])
    assert claims(site, browser.redeem(location.params["code"]))["sid"] != first


def test_an_old_code_does_not_end_one_sign_in_after_the_other(site: Site, browser: Browser) -> None:
    """OIDC-06: codes stand in histories and logs; what the first use gave is over already."""
    code = browser.code()
    browser.redeem(code)
    assert is_refused(browser.redeem(code))
    later = httpx.URL(browser.ask().headers["location"]).params["code"]
    sid = claims(site, browser.redeem(later))["sid"]

    assert is_refused(browser.redeem(code))
    assert [row["sid"] for row in site.rows("session_app")] == [sid]
    assert is_refused(browser.redeem(later))
    assert site.rows("session_app") == []


def test_a_code_belongs_to_the_sid_under_which_it_was_made(site: Site, browser: Browser) -> None:
    """OIDC-06: else its replay would not find what its first use gave."""
    code, beside = browser.code(), httpx.URL(browser.ask().headers["location"]).params["code"]
    browser.redeem(code)
    browser.redeem(code)
    later = httpx.URL(browser.ask().headers["location"]).params["code"]

    assert is_refused(browser.redeem(beside))
    assert site.last_event()["reason"] == "session_ended"
    assert browser.redeem(later).status_code == 200


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "SQLite"])
def test_of_twenty_uses_at_once_one_succeeds(host: Host, tmp_path: Path, durable: bool) -> None:  # noqa: FBT001
    """OIDC-06; attack case 145; promise P4."""
    with running(host, database=tmp_path / "idp.db" if durable else None) as site, Browser(site) as browser:
        code, together = browser.code(), threading.Barrier(20)
        answers: list[httpx.Response] = []

        def use() -> None:
            together.wait()
            answers.append(browser.redeem(code))

        threads = [threading.Thread(target=use) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
        assert [row["revoked"] for row in site.rows("family")] == [NOW]
        names = [event["event"] for event in site.events()]
        assert (names.count("token.issued"), names.count("token.revoked")) == (1, 19)


def assertion(site: Site, jti: str) -> dict[str, str | None]:
    """What an app with private_key_jwt adds to its token request."""
    says: dict[str, JsonValue] = {
        "iss": "board",
        "sub": "board",
        "aud": site.issuer,
        "jti": jti,
        "exp": NOW + 60,
    }
    return {
        "client_assertion_type": CLIENT_ASSERTION_TYPE,
        "client_assertion": jws.sign(says, key=BOARD_KEY, typ="JWT"),
        "redirect_uri": BOARD["redirect_uri"],
    }


def test_an_assertion_is_good_for_one_code(site: Site, browser: Browser) -> None:
    """CAU-05, attack case 29: with another code it is a replay, and that code is burned too."""
    first, second = browser.code(**BOARD), browser.code(prompt="login", **BOARD)
    assert claims(site, browser.redeem(first, auth=None, **assertion(site, "a-1")))["aud"] == "board"
    assert is_refused(browser.redeem(second, auth=None, **assertion(site, "a-1")), "invalid_client", 401)
    assert (site.last_event()["event"], site.last_event()["reason"]) == (
        "token.refused",
        "client_assertion_replay",
    )
    assert is_refused(browser.redeem(second, auth=None, **assertion(site, "a-2")))


def test_a_request_that_is_replayed_whole_is_a_code_that_is_replayed(site: Site, browser: Browser) -> None:
    """OIDC-06: whoever holds the request holds the code."""
    code, proof = browser.code(**BOARD), assertion(site, "a-1")
    assert browser.redeem(code, auth=None, **proof).status_code == 200
    assert is_refused(browser.redeem(code, auth=None, **proof))
    assert site.last_event()["event"] == "token.revoked"
    assert site.rows("family")[0]["revoked"] == NOW
