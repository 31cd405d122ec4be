"""`idjag ras keys`: the keys of a RAS change while it serves, and nobody's token is lost by it."""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import jws
from idjag.ras.config import load
from idjag.ras.control import Control
from idjag.ras.places import control_base
from idjag.ras.reloading import Reloading
from idjag.ras.store_sql import open_database
from tests.cli.ras_deployment import ENVIRON, FILE, Beside, RasDeployment, ras_deployment
from tests.cluster import Cluster
from tests.ras.stores import kek_in

DAY = 86_400
HOUR = 3600


@pytest.fixture
def chat(tmp_path: Path) -> RasDeployment:
    """A deployment that has been served once."""
    made = ras_deployment(tmp_path)
    with made.serving():
        pass
    return made


def keys(chat: RasDeployment) -> dict[str, dict[str, Any]]:
    """What the list shows, by kid."""
    return {each["kid"]: each for each in json.loads(chat.run("keys", "list", "--json").out)}


def changes(chat: RasDeployment, *arguments: str) -> list[dict[str, Any]]:
    """What a command has changed."""
    said = chat.run("keys", *arguments, "--json")
    assert (said.code, said.err) == (0, "")
    made: list[dict[str, Any]] = json.loads(said.out)["changes"]
    return made


def token_at(server: Beside, ahead: int) -> str:
    """An access token of that time."""
    now = int(time.time()) + ahead
    return server.token(iat=now, exp=now + 300, auth_time=now - 60)


def kid_of(token: str) -> str | None:
    """Which key signed it."""
    return jws.parse(token, max_bytes=names.MAX_ID_JAG).kid


def published(server: Beside) -> set[str | None]:
    """The kids of the JWK Set."""
    return {key.kid for key in server.built.ras.signer.public().keys}


def test_the_next_key_is_published_a_day_before_it_signs_and_the_old_one_a_day_longer(
    chat: RasDeployment,
) -> None:
    """Architecture section 7, decision 0027; RAS-48."""
    [first] = keys(chat)
    [planned] = changes(chat, "rotate")
    assert planned["status"] == "next"
    # not to the second: this goes by the true clock, and a machine may be slow
    for ahead, signs, both in [(0, first, True), (DAY - HOUR, first, True), (DAY + 5, planned["kid"], True)]:
        with chat.serving(ahead=ahead) as server:
            assert kid_of(token_at(server, ahead)) == signs
            assert (len(published(server)) == 2) is both
    with chat.serving(ahead=2 * DAY + 5) as server:
        assert published(server) == {planned["kid"]}


def test_who_plans_again_is_told_what_is_planned(chat: RasDeployment) -> None:
    [planned] = changes(chat, "rotate", "--in", "8h")
    again = chat.run("keys", "rotate", "--json")
    assert again.code == 1
    assert json.loads(again.out)["changes"] == [planned | {"made": False}]
    assert len(keys(chat)) == 2


def test_a_server_that_runs_signs_with_another_key_at_once(chat: RasDeployment) -> None:
    [first] = keys(chat)
    loaded = load(chat.file, ENVIRON)
    with chat.serving() as server:
        reloading = Reloading(chat.file, ENVIRON, loaded=loaded, built=server.built)
        with Control(control_base(loaded.database, chat.file), reloading):
            before = server.token()
            made = {each["status"]: each for each in changes(chat, "rotate", "--now")}
            retired, active = made["retiring"], made["active"]
            after = server.token()
            assert (kid_of(before), kid_of(after)) == (first, active["kid"])
            assert retired["kid"] == first
            assert published(server) == {first, active["kid"]}
            assert server.active(before)
            assert server.active(after)
    listed = keys(chat)
    assert listed[first]["status"] == "retiring"
    assert DAY - HOUR < listed[first]["retires"] - time.time() <= DAY


def test_a_revoked_key_signs_nothing_more_and_its_tokens_are_inactive(chat: RasDeployment) -> None:
    """Attack case 205: whoever has stolen it makes no token that counts here."""
    [first] = keys(chat)
    loaded = load(chat.file, ENVIRON)
    with chat.serving() as server:
        reloading = Reloading(chat.file, ENVIRON, loaded=loaded, built=server.built)
        with Control(control_base(loaded.database, chat.file), reloading):
            before = server.token()
            assert server.active(before)
            assert chat.run("keys", "revoke", first, "--reason", "leaked").code == 0
            after = server.token()
            assert kid_of(after) != first
            assert not server.active(before)
            assert server.active(after)
            assert first not in published(server)
    [revoked] = [each for each in chat.events() if each["event"] == "key.revoked"]
    assert revoked["actor"]["kind"] == "operator"
    assert (revoked["after"]["kid"], revoked["after"]["reason"]) == (first, "leaked")
    assert chat.run("audit", "verify").out == "verified\n"


def test_a_planned_key_takes_the_place_of_a_revoked_one(chat: RasDeployment) -> None:
    [first] = keys(chat)
    [planned] = changes(chat, "rotate")
    changes(chat, "revoke", first, "--reason", "leaked")
    with chat.serving() as server:
        assert kid_of(server.token()) == planned["kid"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("rotate", "--in", "5m"), "--in: at least 10m"),
        (("rotate", "--in", "soon"), "a duration is a whole number"),
        (("revoke", "nobody", "--reason", "x"), "no living key has the kid nobody"),
        (("revoke", "nobody", "--reason", "a\nb"), "--reason: 1 to 500 visible characters"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(
    chat: RasDeployment, arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = keys(chat)
    said = chat.run("keys", *arguments)
    assert said.code == 2
    assert problem in said.err + capsys.readouterr().err
    assert keys(chat) == before


def test_a_revoked_key_is_not_revoked_again(chat: RasDeployment) -> None:
    [first] = keys(chat)
    changes(chat, "revoke", first, "--reason", "leaked")
    assert chat.run("keys", "revoke", first, "--reason", "again").code == 2


def test_the_list_is_for_people_too(chat: RasDeployment) -> None:
    [first] = keys(chat)
    heading, line = chat.run("keys", "list").out.splitlines()
    assert heading.split() == ["kid", "alg", "status", "created", "activated", "retires"]
    assert line.split()[:3] == [first, "ES256", "active"]


def test_another_algorithm_of_the_file_retires_the_keys_of_the_old_one(chat: RasDeployment) -> None:
    [first] = keys(chat)
    chat.file.write_text(f"{FILE}access_token: {{alg: Ed25519}}\n")
    with chat.serving() as server:
        assert len(published(server)) == 2
        assert kid_of(server.token()) != first
    assert keys(chat)[first]["status"] == "retiring"
    with chat.serving(ahead=DAY + 5) as server:
        assert first not in published(server)


def test_a_database_of_before_goes_on_with_its_key(chat: RasDeployment) -> None:
    """Its table knew no times; a key that it had retired is published for one more day."""
    [first] = keys(chat)
    with chat.serving() as server:
        old = server.token()
    chat.file.write_text(f"{FILE}access_token: {{alg: Ed25519}}\n")
    with chat.serving():
        pass
    with closing(sqlite3.connect(chat.folder / "ras.db")) as connection:
        connection.execute("ALTER TABLE ras_key DROP COLUMN activated")
        connection.execute("ALTER TABLE ras_key DROP COLUMN retires")
        connection.commit()
    with chat.serving() as server:
        assert server.active(old)
        assert len(published(server)) == 2
        assert server.redeem().status == 200
    assert keys(chat)[first]["retires"] is not None
    assert chat.run("keys", "rotate", "--now").code == 0
    with chat.serving() as server:
        assert server.redeem().status == 200


def test_a_server_on_another_host_knows_it_within_seconds(postgres: Cluster, tmp_path: Path) -> None:
    """No socket reaches it: it looks again by itself, and until then it is as it was."""
    text = f'{FILE}kek_file: {kek_in(tmp_path)}\ndatabase_url: "{postgres.schema()}"\n'
    chat = ras_deployment(tmp_path, text)
    with chat.serving() as server:
        [first] = keys(chat)
        signer = server.built.signer
        signer._looked += HOUR  # however long the command takes
        assert chat.run("keys", "revoke", first, "--reason", "leaked").code == 0
        assert kid_of(server.token()) == first
        signer._looked -= HOUR + 6.0  # six seconds later
        assert not signer.at_once()
        assert kid_of(server.token()) != first


def test_two_operators_who_rotate_at_once_make_one_plan(chat: RasDeployment) -> None:
    """Attack case 206."""
    loaded = load(chat.file, ENVIRON)

    def rotate(_: int) -> bool:
        with closing(open_database(loaded.database, kek_file=loaded.kek_file)) as database:
            actor = {"kind": "operator", "id": "x"}
            made = database.keys.rotate(ahead=HOUR, now=int(time.time()), actor=actor)
            return any(change.made for change in made)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(rotate, range(4))) == [False, False, False, True]
    assert len(keys(chat)) == 2
