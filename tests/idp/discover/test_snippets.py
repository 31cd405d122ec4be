"""What developers paste: complete, without secrets, inert whatever people typed; and the Python one works."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest

from idjag import cli
from idjag.demo.files import PEOPLE
from idjag.demo.wire import Browser
from idjag.demo.world import World, world
from idjag.idp.discover.find import discover
from idjag.idp.discover.looks import Looks
from idjag.idp.discover.snippets import Snippet, Values, snippets, values_of
from idjag.protocol import names
from idjag.protocol.jose import jws
from idjag.trust.fetch import OutboundAllow, PinnedFetcher
from tests.idp.grants.acme import API, CHAT, ISSUER, acme, app, chat, connection, rule, state
from tests.idp.grants.published import URL, approved

VALUES = Values(
    app="Wiki",
    resource_app="Chat",
    idp=ISSUER,
    client_id="wiki",
    auth_method=names.CLIENT_SECRET,
    ras=CHAT,
    client_id_at_resource="wiki-at-chat",
    resource=API,
    scopes=("chat.history", "chat.read"),
)


def texts(values: Values) -> dict[str, Snippet]:
    return {one.language: one for one in snippets(values)}


def requests(values: Values) -> list[dict[str, str]]:
    """The two requests as a shell reads them: address, user, and form."""
    lines = [line for line in texts(values)["sh"].text.splitlines() if not line.startswith("#")]
    commands = "\n".join(lines).split("\n\n")
    read = []
    for command in commands:
        words = shlex.split(command.replace("\\\n", " "))
        assert words[:2] == ["curl", "--fail-with-body"]
        options = list(zip(words[3::2], words[4::2], strict=True))
        assert {flag for flag, _ in options} <= {"--user", "--data-urlencode"}
        form = dict(word.split("=", 1) for flag, word in options if flag == "--data-urlencode")
        read.append({"to": words[2], "user": dict(options).get("--user", ""), **form})
    return read


def test_the_two_requests_are_complete() -> None:
    """XCH-01, RAS-01: the parameters of both legs, scope and resource on each."""
    exchange, redemption = requests(VALUES)

    assert exchange == {
        "to": f"{ISSUER}/token",
        "user": "wiki:$IDP_CLIENT_SECRET",
        "subject_token": "$ID_TOKEN",
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token_type": names.ID_TOKEN,
        "audience": CHAT,
        "resource": API,
        "scope": "chat.history chat.read",
    }
    assert redemption == {
        "to": "$RAS_TOKEN_ENDPOINT",
        "user": "wiki-at-chat:$RAS_CLIENT_SECRET",
        "assertion": "$ID_JAG",
        "grant_type": names.JWT_BEARER,
        "resource": API,
        "scope": "chat.history chat.read",
    }


def test_what_is_known_of_the_token_endpoint_is_said() -> None:
    known = replace(VALUES, ras_token_endpoint="https://acme.chat.example/t")

    assert requests(known)[1]["to"] == "https://acme.chat.example/t"
    assert "https://acme.chat.example/.well-known/oauth-authorization-server" in texts(VALUES)["sh"].text


def test_an_app_with_a_key_sends_an_assertion() -> None:
    (exchange, _), program = (
        requests(keyed := replace(VALUES, auth_method=names.PRIVATE_KEY_JWT)),
        texts(keyed)["python"].text,
    )

    assert exchange["client_assertion"] == "$IDP_CLIENT_ASSERTION"
    assert exchange["client_assertion_type"] == names.CLIENT_ASSERTION_TYPE
    assert "IDP_CLIENT_SECRET" not in program
    compile(program, "snippet", "exec")


def test_without_resource_indicators_none_is_sent() -> None:
    bare = replace(VALUES, resource="", scopes=())

    assert all({"resource", "scope"}.isdisjoint(request) for request in requests(bare))
    assert "mcp_server" not in json.loads(texts(bare)["json"].text)


def test_an_mcp_client_is_told_whom_to_ask_and_who_it_is() -> None:
    assert json.loads(texts(VALUES)["json"].text) == {
        "idp_issuer": ISSUER,
        "idp_client_id": "wiki",
        "mcp_server": API,
        "authorization_server": CHAT,
        "client_id": "wiki-at-chat",
        "scope": "chat.history chat.read",
    }


@pytest.mark.parametrize("name", ['$(touch x)"; `id` \\', "'; import os #", '"""', "{x}", "a: b"])
def test_names_that_people_typed_are_inert(name: str) -> None:
    """Attack case 189: in a shell, in Python and in JSON."""
    hostile = replace(
        VALUES, app=name, resource_app=name, client_id="$(id)'x", client_id_at_resource="a`b`:$c"
    )

    exchange, redemption = requests(hostile)
    assert (exchange["user"], redemption["user"]) == (
        "%24%28id%29%27x:$IDP_CLIENT_SECRET",
        "a%60b%60%3A%24c:$RAS_CLIENT_SECRET",
    )
    program = compile(texts(hostile)["python"].text, "snippet", "exec")
    assert "os.system" not in program.co_names
    assert json.loads(texts(hostile)["json"].text)["client_id"] == "a`b`:$c"


def test_the_values_are_those_of_the_connection() -> None:
    """The client_id at the resource app is the one that the mapping says (JAG-09)."""
    with acme() as running:
        snapshot = running.snapshot
        (made,) = snapshot.policy.connections.values()
        expected = replace(VALUES, app="wiki", ras_token_endpoint="https://x.example/t")
        assert values_of(snapshot, made, token_endpoint="https://x.example/t") == expected
        running.apply(approved())
        (made,) = running.snapshot.policy.connections.values()
        by_document = values_of(running.snapshot, made)
    assert (by_document.client_id, by_document.client_id_at_resource) == (URL, URL)
    assert by_document.auth_method == names.CLIENT_ID_METADATA_DOCUMENT


def test_a_resource_app_without_resource_indicators_has_scopes_of_its_own() -> None:
    plain = state(
        apps=[app("wiki"), app("notes")],
        resource_apps=[chat(resources=[], scopes=["a", "b"])],
        connections=[connection(rules=[rule(scopes=["b"], default_scopes=["b"])])],
    )
    with acme(plain) as running:
        (made,) = running.snapshot.policy.connections.values()
        values = values_of(running.snapshot, made)
    assert (values.resource, values.scopes) == ("", ("b",))


def signed_in(running: World) -> str:
    """Alice's ID token for Wiki, through the pages."""
    wiki, browser = running.wiki, Browser()
    pending = wiki.begin()
    url, page = browser.get(pending.url)
    typed = {"username": "alice", "password": PEOPLE["alice"]}
    url, _ = browser.submit(url, page, typed=typed, until=wiki.redirect_uri)
    return str(wiki.finish(pending, url).json()["id_token"])


@pytest.mark.slow
def test_the_python_snippet_works_between_a_running_idp_and_a_running_ras() -> None:
    """Issue 7.4, with what discovery has found out about that RAS over real HTTP."""
    with world(cli.run, ports=(0, 0, 0)) as running:
        wiki = running.wiki
        fetcher = PinnedFetcher(OutboundAllow(loopback=True))
        plan = discover(Looks(fetcher), wiki.chat_issuer, own=wiki.idp)
        by_api = discover(Looks(fetcher), wiki.chat_api, own=wiki.idp)
        assert plan.server is not None
        assert plan.server.takes_id_jag
        assert by_api.fills["resources"][0]["uri"] == wiki.chat_api
        values = Values(
            app="Wiki",
            resource_app="Chat",
            idp=wiki.idp,
            client_id=wiki.client_id,
            auth_method=names.CLIENT_SECRET,
            ras=by_api.fills["issuer"],
            client_id_at_resource=wiki.chat_client_id,
            resource=wiki.chat_api,
            scopes=("chat.read",),
        )
        secrets = {"IDP_CLIENT_SECRET": wiki.secret, "RAS_CLIENT_SECRET": wiki.chat_secret}
        done = subprocess.run(
            [sys.executable, "-c", texts(values)["python"].text],
            input=signed_in(running),
            env=os.environ | secrets,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        token = done.stdout.strip()
        assert wiki.threads(token).status == 200
    claims = jws.parse(token, max_bytes=names.MAX_ID_JAG).claims
    assert (claims["iss"], claims["aud"], claims["scope"]) == (wiki.chat_issuer, wiki.chat_api, "chat.read")
