"""What the webhook is told of, in which words, and that it is told once."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from typing import Any

import httpx
import pytest

from idjag.idp.lookups import TooMuch
from idjag.idp.store.listing import Listing
from idjag.idp.webhook import queue
from idjag.idp.webhook.queue import Notice
from idjag.idp.webhook.watch import Watch
from idjag.ledger.entry import Entry, Event, Facts, Insert, Row, Verdict
from idjag.protocol.jose import PrivateKey, jws
from tests import plain_http
from tests.idp.me.person import Person, administer
from tests.idp.signin.seeds import NOW, TENANT
from tests.idp.webhook.conftest import World

DAY = 86_400


def at(time: int) -> str:
    return dt.datetime.fromtimestamp(time, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_connection_that_is_about_to_end_is_told_of_three_times_and_each_time_once(world: World) -> None:
    """Positive control: while it is further off nobody is told."""
    ends = NOW + 20 * DAY
    world.connection(expires=at(ends))
    told = {}
    for day in (0, 5, 6, 7, 16, 17, 18, 19, 20, 21):
        world.site.clock.now = NOW + day * DAY
        for _ in range(2):
            world.node.run()
        told[day] = [line["days"] for line in world.receiver.lines]
    assert told == {
        **{day: [] for day in (0, 5)},
        **{day: [14] for day in (6, 7, 16)},
        **{day: [14, 3] for day in (17, 18)},
        **{day: [14, 3, 1] for day in (19, 20, 21)},
    }
    first = world.receiver.lines[0]
    connection = str(world.site.rows("connection")[0]["id"])
    assert first == {
        "id": f"connection.expiring.{connection}.{ends}.14",
        "time": NOW + 6 * DAY,
        "event": "connection.expiring",
        "issuer": world.site.issuer,
        "connection": "wiki-chat",
        "requesting_app": "wiki",
        "resource_app": "chat",
        "owner": "it@acme.example",
        "expires": ends,
        "days": 14,
        "link": f"{world.site.issuer}/admin/connection?id=wiki-chat",
    }


def test_whoever_is_late_is_told_the_shortest_term_alone(world: World) -> None:
    world.connection(expires=at(NOW + 2 * DAY))
    world.node.run()
    assert [line["days"] for line in world.receiver.lines] == [3]


def test_another_end_is_told_of_again(world: World) -> None:
    world.connection(expires=at(NOW + 2 * DAY))
    world.node.run()
    world.connection(expires=at(NOW + 2 * DAY + 60))
    world.node.run()
    assert [line["expires"] for line in world.receiver.lines] == [NOW + 2 * DAY, NOW + 2 * DAY + 60]


def test_only_what_ends_and_allows_something_is_told_of(world: World) -> None:
    """Paused, a draft, over, without an end; the control is the last."""
    soon: dict[str, Any] = {"expires": at(NOW + DAY)}
    for changes, told in (
        (soon | {"status": "paused"}, 0),
        (soon | {"status": "draft"}, 0),
        ({"expires": at(NOW - 1)}, 0),
        ({}, 0),
        (soon, 1),
    ):
        world.connection(**changes)
        world.node.run()
        assert len(world.receiver.lines) == told, changes


def test_a_process_that_begins_again_tells_nothing_again(world: World) -> None:
    world.connection(expires=at(NOW + DAY))
    world.node.run()
    again = world.another()
    again.run()
    again.close()
    assert len(world.receiver.came) == 1
    assert world.site.rows("notice") == []


def test_a_burst_of_denials_is_told_of_once_a_day(world: World) -> None:
    with Person(world.site) as alice:
        code = httpx.URL(alice.ask().headers["location"]).params["code"]
        token = alice.redeem(code).json()["id_token"]
        for _ in range(19):
            assert alice.exchange(token, scope="chat.history").status_code == 400
        world.node.run()
        assert world.receiver.lines == []
        assert alice.exchange(token, scope="chat.history").status_code == 400
    world.node.run()
    world.node.run()
    [line] = world.receiver.lines
    today = NOW - NOW % DAY
    link = f"{world.site.issuer}/admin/audit?event=id_jag.denied&from=wiki&to=chat"
    said = {
        name: line[name] for name in ("event", "requesting_app", "resource_app", "denied", "usual", "day")
    }
    assert said == {
        "event": "denials.burst",
        "requesting_app": "wiki",
        "resource_app": "chat",
        "denied": 20,
        "usual": 0.0,
        "day": today,
    }
    assert line["link"] == link
    # yesterday's is still in sight, and was told of
    world.site.clock.now = today + DAY + 60
    world.node.run()
    assert len(world.receiver.lines) == 1


def test_an_app_whose_keys_do_not_come_is_told_of_once_a_day(world: World) -> None:
    """Nothing of why: that may tell of what is inside."""
    form = {
        "grant_type": "authorization_code",
        "code": "x",
        "redirect_uri": "https://board.example/cb",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    publishes(world)
    for _ in range(2):
        answer = plain_http.post(
            f"{world.site.url}/token", data=form | {"client_assertion": assertion(world)}
        )
        assert answer.json()["error"] == "invalid_client"
        world.node.run()
    [line] = world.receiver.lines
    assert (line["event"], line["app"], line["reason"]) == (
        "metadata.failing",
        "publisher",
        "client_keys_unavailable",
    )
    assert "problem" not in line


def publishes(world: World) -> None:
    """An app whose keys are at an address, on a server that fetches nothing."""
    administer(
        world.site,
        {
            "version": 1,
            "apps": [
                {
                    "id": "publisher",
                    "name": "Publisher",
                    "redirect_uris": ["https://publisher.example/cb"],
                    "auth": {"method": "private_key_jwt", "jwks_uri": "https://publisher.example/jwks"},
                }
            ],
        },
    )


def assertion(world: World) -> str:
    now = world.site.clock.now
    claims: dict[str, Any] = {
        "iss": "publisher",
        "sub": "publisher",
        "aud": world.site.issuer,
        "iat": now,
        "exp": now + 60,
    }
    key = PrivateKey.generate("ES256", kid="p-1")
    return jws.sign({**claims, "jti": f"j-{len(world.site.events())}"}, key=key, typ="JWT")


def test_a_question_that_takes_too_long_keeps_nothing_else_back(world: World) -> None:
    class Slow(Listing):
        def audit(self, **_: object) -> Any:
            raise TooMuch

    world.connection(expires=at(NOW + DAY))
    with closing(Slow(world.database, TENANT)) as slow, pytest.raises(TooMuch):
        Watch(world.site.services, slow).run()
    world.node.send()
    assert [line["event"] for line in world.receiver.lines] == ["connection.expiring"]


def test_a_log_that_does_not_verify_is_told_of_once(world: World) -> None:
    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, (Event("audit.broken", {"after": {"row": 7, "why": "hash"}}),))

    world.node.run()
    assert world.receiver.lines == []
    world.site.ledger.commit(Entry(TENANT, "verifier", NOW, decide))
    for _ in range(2):
        again = world.another()
        again.run()
        again.close()
    [line] = world.receiver.lines
    assert (line["event"], line["row"]) == ("audit.broken", 7)
    assert line["link"] == f"{world.site.issuer}/admin/audit/chain"


def test_at_most_a_thousand_wait_and_what_is_beyond_comes_later(world: World) -> None:
    """Bounded: somebody who takes nothing for days fills no database."""
    row: Row = {
        "tenant_id": TENANT, "line": "{}", "attempts": 0, "problem": "", "due": NOW + 60, "created": NOW,
        "expires": NOW + DAY,
    }  # fmt: skip
    world.site.write(*(Insert("notice", {**row, "id": f"n-{n}"}) for n in range(queue.MOST - 1)))
    notices = [Notice(f"x-{n}", "webhook.test", NOW + DAY) for n in range(3)]
    services = world.site.services
    assert queue.order(services, notices) == ["x-0"]
    assert queue.waiting(services).lines == queue.MOST
    assert queue.order(services, notices) == []
    world.site.clock.now += 60
    world.node.send()
    assert queue.order(services, notices) == ["x-0", "x-1", "x-2"]
    assert [row["id"] for row in world.site.rows("notice")] == ["x-1", "x-2"]
