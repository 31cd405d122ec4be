"""The webhook of whole processes: as settings say it, on one database, and by the console."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from idjag.idp.administration.roles import Role
from idjag.idp.app import open_store, serving
from idjag.idp.settings import Settings, SettingsWrong
from idjag.idp.settings_of_webhook import SHORTEST_SECRET
from idjag.idp.webhook import queue
from idjag.idp.webhook.queue import Notice
from idjag.idp.webhook.running import Rounds
from idjag.ledger.entry import Unavailable
from tests.cluster import Cluster
from tests.idp.console.desk import Administrator, acme
from tests.idp.signin.seeds import NOW
from tests.idp.signin.site import Host, Site
from tests.idp.webhook.receiver import SECRET, Node, Receiver, receiving

ISSUER = "http://127.0.0.1:8700"
SETTINGS, TEST = "/admin/settings", "/admin/settings/webhook"
ACTOR = {"kind": "operator", "id": "1000@host"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def given(folder: Path, **more: str) -> dict[str, str]:
    names = {"ISSUER": ISSUER, "DATA_DIR": str(folder), **more}
    return {"HOME": str(folder), **{f"IDJAG_{name}": value for name, value in names.items()}}


def test_a_serving_process_watches_and_sends(tmp_path: Path, receiver: Receiver) -> None:
    """From the settings to the wire, signed with what a file says."""
    tmp_path.chmod(0o700)
    key = tmp_path / "key"
    key.write_text(f"{SECRET}\n", encoding="ascii")
    settings = Settings.load(given(tmp_path, WEBHOOK_URL=receiver.url, WEBHOOK_SECRET_FILE=str(key)))
    with open_store(settings) as store:
        queue.test(store, ACTOR)
    with serving(settings):
        request = receiver.arrived.get(timeout=60)
    assert [line["event"] for line in request.lines] == ["webhook.test"]
    assert request.genuine(now=int(time.time()))
    with closing(sqlite3.connect(tmp_path / "idjag.db")) as connection:
        assert connection.execute("SELECT count(*) FROM notice").fetchall() == [(0,)]


def test_what_waits_is_sent_also_when_nothing_can_be_seen() -> None:
    """And one does not look each time that one sends."""
    now, did = [1000.0], []

    def watch() -> None:
        did.append("watch")
        raise Unavailable("gone")

    rounds = Rounds(watch, lambda _stopping: did.append("send"), elapsed=lambda: now[0])
    with pytest.raises(Unavailable):
        rounds.run(lambda _seconds: False)
    rounds.run(lambda _seconds: False)
    assert did == ["watch", "send", "send"]
    now[0] += 300
    with pytest.raises(Unavailable):
        rounds.run(lambda _seconds: False)
    assert did == ["watch", "send", "send", "watch", "send"]


def test_a_secret_that_cannot_be_used_stops_the_start(tmp_path: Path, receiver: Receiver) -> None:
    tmp_path.chmod(0o700)
    key = tmp_path / "key"
    settings = Settings.load(given(tmp_path, WEBHOOK_URL=receiver.url, WEBHOOK_SECRET_FILE=str(key)))
    for text in ("", "x" * (SHORTEST_SECRET - 1), "x" * 20 + "\n" + "x" * 20):
        key.write_text(text, encoding="ascii")
        with pytest.raises(ValueError, match="IDJAG_WEBHOOK_SECRET_FILE"):
            settings.webhook.secret()
    with pytest.raises(SettingsWrong, match="IDJAG_WEBHOOK_SECRET_FILE") as wrong, serving(settings):
        pass
    assert "xxx" not in str(wrong.value)


def test_two_nodes_on_one_database_tell_each_thing_once(
    postgres: Cluster, tmp_path: Path, receiver: Receiver
) -> None:
    """They find and send at the same moment, in transactions of their own."""
    kek = tmp_path / "kek"
    kek.write_text(secrets.token_hex(32), encoding="ascii")
    kek.chmod(0o600)
    settings = Settings.load(given(tmp_path, DATABASE_URL=postgres.schema(), KEK_FILE=str(kek)))
    notices = [Notice(f"n-{number}", "webhook.test", NOW + 10**6) for number in range(40)]
    with open_store(settings, clock=lambda: NOW) as one, open_store(settings, clock=lambda: NOW) as two:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda store: queue.order(store, notices), (one, two)))
        assert queue.waiting(one).lines == queue.waiting(two).lines == 40
        nodes = [Node(store, settings.database_url, receiver) for store in (one, two)]
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(Node.send, nodes))
            list(threads.map(Node.send, nodes))
        for node in nodes:
            node.close()
        assert queue.waiting(one).lines == 0
    assert sorted(line["id"] for line in receiver.lines) == sorted(one.id for one in notices)


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Iterator[Site]:
    with acme(host, tmp_path, webhook="https://hooks.acme.example") as made:
        yield made


def test_the_console_says_how_it_stands_and_sends_a_test(
    site: Site, tmp_path: Path, receiver: Receiver
) -> None:
    node = Node(site.services, f"sqlite:///{tmp_path / 'idjag.db'}", receiver)
    with Administrator(site) as owner:
        assert "Nothing had to be told yet" in owner.page(SETTINGS).text
        sent = owner.submit(owner.page(SETTINGS), TEST)
        assert sent.headers["location"] == f"{SETTINGS}?done=ordered"
        assert site.last_event()["event"] == "webhook.tested"
        assert "1 notice is on the way" in owner.page(SETTINGS).text
        receiver.status = 503
        node.send()
        failing = owner.page(SETTINGS).text
        assert "1 notice waits since" in failing
        assert "503" in failing
        assert "T0PSECRET" not in failing
        assert "The webhook takes no notices" in owner.page("/admin").text
        receiver.status = 204
        site.clock.now += 10
        node.send()
        assert "The last was taken" in owner.page(SETTINGS).text
        assert "The webhook takes no notices" not in owner.page("/admin").text
    assert [line["event"] for line in receiver.lines] == ["webhook.test"] * 2
    node.close()


def test_only_who_may_change_settings_sends_a_test(site: Site, viewer: Administrator) -> None:
    """ADM-04."""
    page = viewer.page(SETTINGS)
    assert "https://hooks.acme.example" in page.text
    assert not viewer.has(page, TEST)
    assert viewer.post(TEST, data={"id": "x"}).status_code == 403
    assert site.rows("notice") == []


@pytest.fixture
def viewer(site: Site) -> Iterator[Administrator]:
    with Administrator(site, Role.VIEWER, "bob") as bob:
        yield bob
