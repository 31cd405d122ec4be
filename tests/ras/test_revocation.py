"""Revocation: a client gives its own token back, and nobody else's (AT-05, RFC 7009)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol import names
from idjag.ras import MemoryStore
from tests.ras.inquiries import (
    API_CLIENT,
    API_SECRET,
    OTHER_CLIENT,
    OTHER_SECRET,
    Site,
    site_config,
    site_in,
)
from tests.ras.stores import KINDS
from tests.ras.test_client_auth import client_assertion
from tests.ras.test_introspection import minted
from tests.ras.world import CLIENT, KEY_CLIENT, NOW, assert_refused, basic, body, grant


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Over each kind of store."""
    with site_in(request.param, tmp_path) as made:
        yield made


def test_a_revoked_token_is_inactive_and_others_are_not(site: Site) -> None:
    """AT-05, attack case 164: by jti, at once."""
    token, other = site.redeemed(), site.redeemed()
    reply = site.revoke(token)
    assert (reply.status, body(reply)) == (200, {})
    assert dict(reply.headers)[b"cache-control"] == b"no-store"
    assert (site.active(token), site.active(other)) == (False, True)
    [event] = site.events("token.revoked")
    assert event.fields["actor"] == {"kind": "client", "id": CLIENT}
    assert (event.fields["subject"], event.fields["client_id_at_resource"]) == ("u-alice", CLIENT)
    assert event.fields["jti"]
    assert token not in repr(list(site.store.events))


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_a_hint_changes_nothing(site: Site, hint: str) -> None:
    """RFC 7009 section 2.1: the search goes on in what there is."""
    token = site.redeemed()
    assert site.ask("revoke", {"token": token, "token_type_hint": hint}, basic()).status == 200
    assert not site.active(token)


ENDED: list[tuple[str, Callable[[], str], str]] = [
    ("text", lambda: "nonsense", "token_invalid"),
    ("never issued", minted, "token_unknown"),
    ("expired", lambda: minted(exp=NOW), "token_expired"),
    ("another's signature", lambda: minted("idp"), "token_invalid"),
]


@pytest.mark.parametrize(("_what", "make", "reason"), ENDED, ids=[what for what, _, _ in ENDED])
def test_what_is_no_token_is_ended_already(
    site: Site, _what: str, make: Callable[[], str], reason: str
) -> None:
    """AT-05, RFC 7009 section 2.2: 200, and one event with the reason."""
    assert (site.revoke(make()).status, body(site.revoke(make()))) == (200, {})
    events = site.events("token.refused")
    assert [event.fields["reason"] for event in events] == [reason, reason]
    assert site.events("token.revoked") == []


def test_a_second_time_is_no_error(site: Site) -> None:
    """RFC 7009 section 2.2."""
    token = site.redeemed()
    assert [site.revoke(token).status for _ in range(2)] == [200, 200]
    assert len(site.events("token.revoked")) == 1
    assert site.event().fields["reason"] == "token_revoked"


def test_another_client_s_token_is_not_revoked(site: Site) -> None:
    """AT-05, RFC 7009 section 2.1: refused, and the client is told."""
    token = site.redeemed()
    reply = site.revoke(token, basic(OTHER_CLIENT, OTHER_SECRET))
    assert_refused(site, reply, "unauthorized_client", "token_foreign")
    assert site.event().name == "token.refused"
    assert site.active(token)


def test_an_api_ends_nobody_s_token(site: Site) -> None:
    """AT-05: whoever may look may not end."""
    token = site.redeemed()
    reply = site.revoke(token, basic(API_CLIENT, API_SECRET))
    assert (reply.status, body(reply)["error"]) == (401, "invalid_client")
    assert site.active(token)


def test_what_cannot_be_revoked_is_said(site: Site) -> None:
    """AT-05: `unsupported_token_type`; a grant is good once anyway."""
    assertion = grant()
    assert_refused(site, site.revoke(assertion), "unsupported_token_type", "token_type_unsupported")
    assert site.post({"assertion": assertion}).status == 200


def test_a_store_without_tokens_can_revoke_nothing() -> None:
    """AT-05: never 200 for what still works."""

    class Plain:
        """A Store and nothing else."""

        def __init__(self) -> None:
            self.memory = memory = MemoryStore()
            self.linked, self.links_of, self.ready = memory.linked, memory.links_of, memory.ready
            self.by_id, self.by_email, self.commit = memory.by_id, memory.by_email, memory.commit
            self.events = memory.events

    site = Site(store=Plain(), config=site_config())
    assert_refused(site, site.revoke("x"), "unsupported_token_type", "token_type_unsupported")


@pytest.mark.parametrize("header", [None, basic(secret="wrong")], ids=["nobody", "wrong secret"])
def test_a_client_must_authenticate(site: Site, header: bytes | None) -> None:
    """AT-05, RFC 7009 section 2.1."""
    token = site.redeemed()
    reply = site.ask("revoke", {"token": token}, header)
    assert (reply.status, body(reply)["error"]) == (401, "invalid_client")
    assert site.event().name == "refused.before_authentication"
    assert site.active(token)


def test_an_assertion_is_used_up_with_the_token(site: Site) -> None:
    """CAU-05: in one transaction."""
    token = by_key_client(site)
    proof = client_assertion()
    form: dict[str, Any] = {
        "token": token,
        "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
        "client_assertion": proof,
    }
    assert site.ask("revoke", form, None).status == 200
    assert not site.active(token)
    assert_refused(site, site.ask("revoke", form, None), "invalid_client", "client_assertion_replay")


def by_key_client(site: Site) -> str:
    """A token of the client that has a key."""
    parameters = {
        "assertion": grant(client_id=KEY_CLIENT),
        "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
        "client_assertion": client_assertion(),
    }
    return str(body(site.post(parameters, authorization=None))["access_token"])


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"method": "GET"}, 405), ({"query": b"token=x"}, 400), ({"body": b"token="}, 400)],
    ids=str,
)
def test_only_a_form_with_a_token_is_read(site: Site, changes: dict[str, Any], status: int) -> None:
    """RFC 7009 section 2.1."""
    reply = site.revoke("x", **changes)
    assert (reply.status, body(reply)["error"]) == (status, "invalid_request")
