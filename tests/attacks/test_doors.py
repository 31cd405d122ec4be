"""What comes before and beside the token: hosts, methods, conditional requests, a database that is gone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from idjag.idp.app import assemble
from idjag.idp.hosts import host_check
from idjag.ledger.entry import Update
from tests.asgi_parts import Exchange, chunk
from tests.attacks.target import HOST, Target, members, target
from tests.idp.grants.acme import API
from tests.idp.signin.site import Host, running
from tests.idp.signin.visit import Browser

OPENID = "/.well-known/openid-configuration"
PUBLIC = (OPENID, "/.well-known/oauth-authorization-server", "/jwks")


@pytest.fixture(scope="module")
def idp() -> Iterator[Target]:
    """Acme in memory; nothing here changes its rules."""
    with target(None) as made:
        yield made


def get(idp: Target, path: str, *, method: str = "GET", **headers: str) -> Exchange:
    """A request without a body."""
    pairs = {"host": HOST.decode(), **{name.replace("_", "-"): value for name, value in headers.items()}}
    sent = [(name.encode(), value.encode()) for name, value in pairs.items() if value]
    return Exchange(method=method, path=path, headers=sent, messages=[chunk(b"")]).through(idp.app)


def stranger_events(idp: Target) -> list[tuple[str, str, str]]:
    """Decision id, reason and address of every stranger who was noted."""
    events = idp.acme.events("refused.before_authentication")
    return [(event["decision_id"], event["reason"], event["ip"]) for event in events]


@pytest.mark.parametrize("path", [*PUBLIC, "/token", "/authorize", "/signin", "/nowhere"])
def test_a_request_for_another_host_is_misdirected_everywhere(idp: Target, path: str) -> None:
    """Attack case 211: 421, and the answer is in the log."""
    answer = get(idp, path, host="evil.example")
    assert (answer.status, members(answer)["error"]) == (421, "invalid_request")
    assert answer.header(b"cache-control") == b"no-store"
    assert get(idp, path, host="").status == 421
    assert get(idp, path).status != 421
    assert "host_unknown" in {reason for _, reason, _ in stranger_events(idp)}


def test_two_hosts_are_one_too_many_for_the_pages_too(idp: Target) -> None:
    """Attack case 211."""
    twice = [(b"host", HOST), (b"host", b"evil.example")]
    answer = Exchange(method="GET", path="/authorize", headers=twice, messages=[chunk(b"")]).through(idp.app)
    assert (answer.status, members(answer)["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/token", "/signin", "/jwks"])
def test_a_body_with_two_lengths_is_refused(idp: Target, path: str) -> None:
    """Attack case 213, RFC 9112 section 6.1: a proxy may have believed the other one; the connection ends."""
    lengths = [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")]
    both = Exchange(path=path, headers=[(b"host", HOST), *lengths]).through(idp.app)
    assert (both.status, members(both)["error"], both.header(b"connection")) == (
        400,
        "invalid_request",
        b"close",
    )
    for each in lengths:
        one = Exchange(path=path, headers=[(b"host", HOST), each]).through(idp.app)
        assert one.header(b"connection") is None


def test_health_is_asked_for_by_address(idp: Target) -> None:
    """Attack case 231: a load balancer knows no name."""
    assert get(idp, "/healthz", host="10.0.0.7:8700").status == 200
    assert get(idp, "/readyz", host="").status == 200


@pytest.mark.parametrize(
    ("issuer", "host", "ours"),
    [
        ("https://idp.acme.example", "idp.acme.example", True),
        ("https://idp.acme.example", "idp.acme.example:443", True),
        ("https://idp.acme.example/t/acme", "idp.acme.example", True),
        ("https://idp.acme.example", "idp.acme.example:80", False),
        ("https://idp.acme.example", "idp.acme.example.", False),
        ("https://idp.acme.example", "idp.acme.example.evil", False),
        ("https://idp.acme.example", "evil-idp.acme.example", False),
        ("https://idp.acme.example", "x@idp.acme.example", False),
        ("https://idp.acme.example", "idp.acme.example, evil", False),
        ("https://idp.acme.example", "localhost", False),
        ("https://idp.acme.example", "127.0.0.1:8700", False),
        ("https://idp.acme.example", "", False),
        ("https://idp.acme.example:8443", "idp.acme.example:8443", True),
        ("https://idp.acme.example:8443", "idp.acme.example", False),
        ("https://idp.acme.example:443", "idp.acme.example", True),
        ("https://[2001:db8::1]", "[2001:db8::1]", True),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443", True),
        ("http://127.0.0.1:8700", "127.0.0.1:8700", True),
        ("http://127.0.0.1:8700", "localhost:8700", True),
        ("http://127.0.0.1:8700", "localhost", True),
        ("http://127.0.0.1:8700", "[::1]:9000", True),
        ("http://127.0.0.1:8700", "rebound.example:8700", False),
        ("http://127.0.0.1:8700", "localhost.evil", False),
        ("http://127.0.0.1:8700", "127.0.0.1:8700@evil", False),
        ("http://localhost", "localhost:80", True),
    ],
)
def test_a_host_is_ours_as_the_issuer_says(issuer: str, host: str, ours: bool) -> None:  # noqa: FBT001
    """Attack case 211: DNS rebinding included, while the issuer is on this machine."""
    assert host_check(issuer)(host) is ours


def test_what_the_door_turns_away_is_counted_with_the_other_strangers(idp: Target) -> None:
    """Contract section 9: one event a source, reason and minute, with the id that the client saw."""
    idp.acme.clock.now += 60
    huge = [(b"host", HOST), (b"content-length", b"70000")]
    answers = [Exchange(headers=huge, client=("203.0.113.77", 1)).through(idp.app) for _ in range(5)]
    found = [each for each in stranger_events(idp) if each[2] == "203.0.113.77"]
    assert {answer.status for answer in answers} == {413}
    assert found == [((answers[0].header(b"x-decision-id") or b"").decode(), "too_large", "203.0.113.77")]


@pytest.mark.parametrize("path", PUBLIC)
def test_public_documents_may_be_asked_for_by_a_browser(idp: Target, path: str) -> None:
    """MET-20: from any origin, with headers of the page's own, never with credentials."""
    asked = get(idp, path, method="OPTIONS", origin="https://x.example", access_control_request_method="GET")
    assert (asked.status, asked.body) == (204, b"")
    assert asked.header(b"access-control-allow-origin") == b"*"
    assert asked.header(b"access-control-allow-credentials") is None
    assert get(idp, path).header(b"access-control-allow-origin") == b"*"


@pytest.mark.parametrize("path", ["/token", "/authorize", "/signin"])
def test_nothing_else_is_for_scripts_of_other_origins(idp: Target, path: str) -> None:
    """Attack case 190."""
    asked = get(idp, path, method="OPTIONS", origin="https://x.example", access_control_request_method="POST")
    assert asked.status < 500
    assert not [name for name, _ in asked.sent[0]["headers"] if name.startswith(b"access-control")]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_document_that_has_not_changed_is_not_sent_again(idp: Target, path: str) -> None:
    """MET-10, RFC 9110 section 13.1.2: proxies weaken the tag, clients send several."""
    first = get(idp, path)
    tag = (first.header(b"etag") or b"").decode()
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = get(idp, path, if_none_match=known)
        assert (again.status, again.body) == (304, b"")
    assert get(idp, path, if_none_match='"x"').body == first.body


@pytest.mark.parametrize("path", [*PUBLIC, "/healthz", "/readyz"])
def test_a_head_request_tells_the_length_of_what_get_would_send(idp: Target, path: str) -> None:
    """RFC 9110 section 8.6."""
    head, whole = get(idp, path, method="HEAD"), get(idp, path)
    assert head.body == b""
    assert head.header(b"content-length") == whole.header(b"content-length") == str(len(whole.body)).encode()


@pytest.mark.parametrize("path", [*PUBLIC, "/healthz", "/readyz"])
def test_a_wrong_method_is_refused_as_everything_is(idp: Target, path: str) -> None:
    """Contract section 7: JSON, no-store, a decision id; 405 with Allow."""
    answer = get(idp, path, method="PUT")
    assert (answer.status, members(answer)["error"]) == (405, "invalid_request")
    assert (answer.header(b"allow") or b"").startswith(b"GET, HEAD")
    assert answer.header(b"cache-control") == b"no-store"
    assert answer.header(b"x-decision-id") == members(answer)["decision_id"].encode()


def test_a_database_that_cannot_be_read_is_503_and_no_longer_than_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Attack cases 220 and 231, promise P21: not ready, no 500, and well again without a restart."""
    database = tmp_path / "idp.db"
    with target(database) as idp, closing(sqlite3.connect(database, isolation_level=None)) as other:
        wire = idp.valid("wiki", resource=API)
        other.execute("ALTER TABLE ledger_head RENAME TO elsewhere")
        assert get(idp, "/healthz").status == 200
        ready, keys = get(idp, "/readyz"), get(idp, "/jwks")
        assert (ready.status, json.loads(ready.body)) == (503, {"status": "unavailable"})
        assert (keys.status, members(keys)["error"]) == (503, "temporarily_unavailable")
        assert keys.header(b"retry-after") == b"5"
        assert wire.exchange().through(idp.app).status == 503
        wire.headers.append((b"origin", b"https://x.example"))
        assert wire.exchange().through(idp.app).status == 503
        assert "the database cannot be read: OperationalError" in caplog.text
        other.execute("ALTER TABLE elsewhere RENAME TO ledger_head")
        assert [get(idp, path).status for path in ("/readyz", "/jwks")] == [200, 200]
        assert wire.exchange().through(idp.app).status == 200


def test_a_node_that_can_read_but_not_write_is_not_ready(tmp_path: Path) -> None:
    """Promise P21: never ready with every request failing, as when the disk is full."""
    database = tmp_path / "idp.db"
    with target(database) as idp, closing(sqlite3.connect(database, isolation_level=None)) as other:
        assert get(idp, "/readyz").status == 200
        idp.acme.clock.now += 1
        other.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON ledger_head BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        assert idp.valid("wiki").exchange().through(idp.app).status == 503
        assert (get(idp, "/readyz").status, get(idp, "/healthz").status) == (503, 200)
        other.execute("DROP TRIGGER full")
        before = len(idp.acme.events())
        assert get(idp, "/readyz").status == 200
        assert len(idp.acme.events()) == before
        assert idp.valid("wiki").exchange().through(idp.app).status == 200


def test_a_signing_key_that_was_tampered_with_signs_nothing_and_is_no_fault(tmp_path: Path) -> None:
    """Contract section 7: key store down is 503, no token; the same for whoever asks for the keys."""
    database = tmp_path / "idp.db"
    with target(database) as idp, closing(sqlite3.connect(database, isolation_level=None)) as other:
        wire = idp.valid("wiki")
        found = other.execute("SELECT id, status, public FROM signing_key WHERE alg = 'ES256'")
        kid, status, public = found.fetchone()
        other.execute("UPDATE signing_key SET public = '{}' WHERE alg = 'ES256'")
        # keys are read again when one of them was written (architecture section 4.2), and at the start
        idp.acme.write(Update("signing_key", {"id": kid}, {"status": status}))
        assert [get(idp, path).status for path in ("/readyz", "/jwks")] == [503, 503]
        assert wire.exchange().through(idp.app).status == 503
        other.execute("UPDATE signing_key SET public = ? WHERE alg = 'ES256'", (public,))
        assert [get(idp, path).status for path in ("/readyz", "/jwks")] == [200, 200]
        assert wire.exchange().through(idp.app).status == 200


def test_people_behind_our_proxy_are_seen_where_they_are() -> None:
    """Case 211, condition signin_networks: where they are is what our proxy says, and nobody else."""
    with Host() as host, running(host) as site:
        for proxies, seen in (((), "127.0.0.1"), (("127.0.0.1",), "198.51.100.7")):
            host.app = assemble(site.services, trusted_proxies=proxies)
            with Browser(site) as browser:
                browser.headers["x-forwarded-for"] = "203.0.113.1, 198.51.100.7"
                browser.sign_in()
            assert site.last_event()["ip"] == seen
