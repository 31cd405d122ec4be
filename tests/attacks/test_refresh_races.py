"""Twenty at once with one refresh token, on two nodes over HTTP and one SQLite file."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from idjag.idp.app import assemble, new_id
from idjag.ledger import trail
from idjag.protocol import names
from idjag.protocol.http import TokenRequest
from tests import plain_http
from tests.attacks.target import HOST, exchange_of
from tests.idp.grants.acme import CHAIN_KEY, TENANT, Acme, acme, ledger_in
from tests.idp.grants.offline import family, offline_state, request, sign_in
from tests.idp.signin.site import Host

_WAYS = 20


@contextmanager
def nodes(database: Path) -> Iterator[tuple[Acme, list[str]]]:
    """Acme, and the addresses of two IdPs on its database, each with its own writer and snapshot."""
    with ExitStack() as stack:
        here = stack.enter_context(acme(offline_state(), database=database))
        there = Acme(stack.enter_context(ledger_in(database)), here.clock)
        here.new_id = there.new_id = new_id
        urls = []
        for idp in (here, there):
            host = stack.enter_context(Host())
            host.app = assemble(replace(idp.services, new_id=new_id))
            urls.append(host.url)
        yield here, urls


def post(url: str, sent: TokenRequest) -> httpx.Response:
    """One request on a connection of its own."""
    headers = [("host", HOST.decode()), *((name.decode(), value.decode()) for name, value in sent.headers)]
    with plain_http.Client(timeout=30, trust_env=False) as client:
        return client.post(url, content=sent.body, headers=headers)


def refreshing(token: str, *, client: str = "wiki") -> TokenRequest:
    return request({"grant_type": names.REFRESH_TOKEN, "refresh_token": token}, client=client)


def exchanging(token: str) -> TokenRequest:
    form = exchange_of(token) | {"subject_token_type": names.REFRESH_TOKEN_TYPE}
    return request(form, client="wiki")


def at_once(calls: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """All of them, begun at the same moment."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def spread(urls: list[str], path: str, sent: TokenRequest, times: int) -> list[Callable[[], httpx.Response]]:
    """The request many times, on every node in turn."""
    return [partial(post, urls[number % len(urls)] + path, sent) for number in range(times)]


def recorded(idp: Acme, answers: Sequence[httpx.Response]) -> Counter[tuple[str, str | None]]:
    """Name and reason of the events of these answers, one each, and the chain is whole."""
    assert trail.check(idp.ledger, TENANT, key=CHAIN_KEY) is None
    ids = [answer.headers["x-decision-id"] for answer in answers]
    found = [event for event in idp.events() if event["decision_id"] in ids]
    assert len(found) == len(set(ids)) == len(answers)
    return Counter((event["event"], event["reason"]) for event in found)


@pytest.mark.parametrize("client", ["wiki", "desk"])
def test_of_twenty_refreshes_at_once_one_succeeds_and_the_family_ends(tmp_path: Path, client: str) -> None:
    """OIDC-18; attack case 147; promise P4: with a secret and without one."""
    with nodes(tmp_path / "idp.db") as (idp, urls):
        token = sign_in(idp, client=client).refresh_token
        answers = at_once(spread(urls, "/token", refreshing(token, client=client), _WAYS))
        assert Counter(answer.status_code for answer in answers) == {200: 1, 400: _WAYS - 1}
        assert recorded(idp, answers) == {
            ("token.refreshed", None): 1,
            ("token.revoked", "refresh_token_replayed"): _WAYS - 1,
        }
        assert family(idp, token)["revoked"] is not None
        (newest,) = (answer.json()["refresh_token"] for answer in answers if answer.status_code == 200)
        assert post(urls[0] + "/token", refreshing(newest, client=client)).status_code == 400


def test_twenty_exchanges_at_once_all_succeed(tmp_path: Path) -> None:
    """XCH-48: a subject token is not used up, whoever else uses it at this moment."""
    with nodes(tmp_path / "idp.db") as (idp, urls):
        token = sign_in(idp).refresh_token
        answers = at_once(spread(urls, "/token", exchanging(token), _WAYS))
        assert [answer.status_code for answer in answers] == [200] * _WAYS
        assert recorded(idp, answers) == {("id_jag.issued", None): _WAYS}
        assert post(urls[1] + "/token", refreshing(token)).status_code == 200


def test_exchanges_beside_one_refresh_see_the_token_before_or_after_it(tmp_path: Path) -> None:
    """XCH-44, XCH-48: after the rotation it is one that comes again, on either path."""
    with nodes(tmp_path / "idp.db") as (idp, urls):
        token = sign_in(idp).refresh_token
        calls = [
            *spread(urls, "/token", refreshing(token), 1),
            *spread(urls, "/token", exchanging(token), _WAYS - 1),
        ]
        answers = at_once(calls)
        found = recorded(idp, answers)
        late = found[("token.revoked", "refresh_token_replayed")]
        assert found[("token.refreshed", None)] + found[("id_jag.issued", None)] + late == _WAYS
        assert (family(idp, token)["revoked"] is not None) == (late > 0)
        assert post(urls[0] + "/token", exchanging(token)).status_code == 400


def test_a_revocation_that_was_acknowledged_holds_against_refreshes_under_way(tmp_path: Path) -> None:
    """AT-06; promise P5: whoever won, nothing of the family is good afterwards."""
    with nodes(tmp_path / "idp.db") as (idp, urls):
        token = sign_in(idp).refresh_token
        revoking = spread(urls, "/revoke", request({"token": token}, client="wiki"), 2)
        answers = at_once([*revoking, *spread(urls, "/token", refreshing(token), _WAYS - 2)])
        assert [answer.status_code for answer in answers[:2]] == [200, 200]
        newest = [answer.json()["refresh_token"] for answer in answers[2:] if answer.status_code == 200]
        assert len(newest) <= 1
        for each in (token, *newest):
            assert post(urls[0] + "/token", refreshing(each)).status_code == 400
            assert post(urls[1] + "/token", exchanging(each)).status_code == 400
