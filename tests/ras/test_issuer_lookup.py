"""A client asks whether an issuer would be accepted from it, and learns nothing else (RAS-50)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.jose import jws
from idjag.ras import Client, Registration, Reply
from idjag.ras.config import load
from idjag.ras.standing import Pause, Resume, Thing
from tests.ras.inquiries import OTHER_CLIENT, OTHER_SECRET, Site, site_config, site_in
from tests.ras.stores import Kind
from tests.ras.world import (
    CLIENT,
    IDP,
    KEY_CLIENT,
    NOW,
    OTHER_IDP,
    RAS,
    basic,
    body,
    client,
    grant,
    key,
    trusted,
)

OTHER = basic(OTHER_CLIENT, OTHER_SECRET)


def asked_config(**changes: Any) -> Any:
    return site_config(issuer_lookup=True, **changes)


def ask(site: Site, issuer: str | None = IDP, header: bytes | None = None, **form: str) -> Reply:
    return site.ask("issuer-lookup", {"issuer": issuer, **form}, header or basic())


def accepted(site: Site, issuer: str = IDP, header: bytes | None = None, **form: str) -> bool:
    reply = ask(site, issuer, header, **form)
    assert (reply.status, body(reply)["issuer"], set(body(reply))) == (200, issuer, {"issuer", "accepted"})
    assert dict(reply.headers)[b"cache-control"] == b"no-store"
    return bool(body(reply)["accepted"])


@pytest.fixture
def site() -> Site:
    return Site(config=asked_config())


def test_the_answer_is_about_the_client_that_asks(site: Site) -> None:
    """RAS-50: the other issuer is trusted, and not from the wiki."""
    assert (accepted(site, IDP), accepted(site, OTHER_IDP)) == (True, False)
    assert (accepted(site, IDP, OTHER), accepted(site, OTHER_IDP, OTHER)) == (True, True)


@pytest.mark.parametrize(
    "issuer", [IDP + "/", IDP.upper(), "https://idp.acme.example.evil", "https://nobody.example", RAS, "x"]
)
def test_an_issuer_is_compared_byte_for_byte(site: Site, issuer: str) -> None:
    """RAS-50, RAS-08: a near miss is no issuer of ours, and the answer for all of them is the same."""
    assert not accepted(site, issuer)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"active": False}, id="paused"),
        pytest.param({"expires": NOW}, id="expired"),
        pytest.param({"profiles": frozenset({"jwt-bearer"})}, id="for another profile"),
        pytest.param({"tenants": frozenset({"t1"})}, id="only with a tenant"),
    ],
)
def test_what_redemption_would_refuse_is_not_accepted(change: dict[str, Any]) -> None:
    """RAS-46, RAS-47, RAS-50: the answer and the redemption agree."""
    site = Site(config=asked_config(trusted_issuers=(trusted(**change), trusted(OTHER_IDP))))
    assert not accepted(site)
    assert site.post({"assertion": grant()}).status == 400


def test_a_tenant_of_an_issuer_is_asked_about_by_name() -> None:
    """RAS-50, TEN-08, TEN-10."""
    tied = client(issuers=frozenset({(IDP, "t1")}))
    two = trusted(tenants=frozenset({"t1", "t2"}), subject=IS_SUB)
    site = Site(config=asked_config(trusted_issuers=(two, trusted(OTHER_IDP)), clients=(tied,)))
    assert accepted(site, tenant="t1")
    assert not accepted(site, tenant="t2")
    assert not accepted(site)


IS_SUB = replace(trusted().subject, by=("iss_sub",), email_domains=frozenset(), joins=frozenset())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_an_operator_paused_is_not_accepted(kind: Kind, tmp_path: Path) -> None:
    """RAS-47, RAS-50: the very next question; and resumed it is again."""
    with site_in(kind, tmp_path) as site:
        site.ras.configure(asked_config())
        assert accepted(site)
        site.say(Pause(Thing("issuer", IDP), "r", "op"))
        assert not accepted(site)
        site.say(Resume(Thing("issuer", IDP)))
        assert accepted(site)


def test_strangers_and_public_clients_learn_nothing(site: Site) -> None:
    """RAS-50, MET-07: only with client authentication."""
    refused = [ask(site, header=basic(secret="wrong")), ask(site, header=basic("nobody", "x"))]
    assert [(reply.status, "accepted" in body(reply)) for reply in refused] == [(401, False)] * 2
    public = Registration("page", names.NO_AUTHENTICATION)
    site.ras.configure(asked_config(clients=(client("page", registration=public),)))
    reply = site.ask("issuer-lookup", {"issuer": IDP, "client_id": "page"}, None)
    assert (reply.status, body(reply)["error"]) == (400, "unauthorized_client")


def test_a_client_assertion_is_used_up(site: Site) -> None:
    """CAU-05."""
    claims: dict[str, Any] = {"iss": KEY_CLIENT, "sub": KEY_CLIENT, "aud": RAS, "jti": "j-1", "exp": NOW + 60}
    form = {
        "issuer": IDP,
        "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
        "client_assertion": jws.sign(claims, key=key(KEY_CLIENT), typ="JWT"),
    }
    answers = [site.ask("issuer-lookup", form, None) for _ in range(2)]
    assert [reply.status for reply in answers] == [200, 401]


@pytest.mark.parametrize("issuer", [None, "", "https://" + "x" * 2048])
def test_a_question_about_nothing_is_refused(site: Site, issuer: str | None) -> None:
    assert body(ask(site, issuer))["error"] == "invalid_request"


def test_guessing_secrets_is_slowed_down_here_too(site: Site) -> None:
    """Attack case 38."""
    statuses = [ask(site, header=basic(secret="guess")).status for _ in range(21)]
    assert (statuses[0], statuses[-1]) == (401, 429)


def test_questions_are_counted_and_not_written_one_by_one(site: Site) -> None:
    """RAS-50, decision 0023: by client and outcome."""
    for issuer in (IDP, IDP, OTHER_IDP, OTHER_IDP):
        accepted(site, issuer)
    events = site.events("issuer.looked_up")
    assert [event.fields["inputs"]["accepted"] for event in events] == [True, False]
    assert {event.fields["actor"]["id"] for event in events} == {CLIENT}
    site.clock.now += 60
    accepted(site)
    assert site.events("issuer.looked_up")[-1].fields["inputs"]["repeats"] == 1


def test_it_is_off_unless_the_configuration_says_so(tmp_path: Path) -> None:
    """RAS-50, MET-07: no path, no answer, and never a word of it in the metadata."""
    closed, open_ = Site(config=site_config()), Site(config=asked_config())
    assert "issuer-lookup" not in closed.ras.endpoints
    assert open_.ras.endpoints[-1] == "issuer-lookup"
    with pytest.raises(Exception, match="issuer_lookup is off"):
        ask(closed)
    document = open_.ras.metadata(endpoints=open_.ras.endpoints)
    assert "lookup" not in repr(document)
    path = tmp_path / "ras.yaml"
    text = f'issuer: http://127.0.0.1:8800/\ntrusted_issuers: [{{issuer: "{IDP}"}}]\n'
    text += 'resources: [{uri: "https://api.example/", scopes: [a]}]\n'
    for line, on in (("", False), ("issuer_lookup: true\n", True)):
        path.write_text(text + line, encoding="utf-8")
        assert load(path, {}).config.issuer_lookup is on


def test_a_client_of_a_host_that_may_bring_nothing_is_told_no() -> None:
    """RAS-05."""
    none = Client("idle", frozenset(), frozenset(), registration=client("idle").registration)
    assert not accepted(Site(config=asked_config(clients=(none,))), header=basic("idle"))
