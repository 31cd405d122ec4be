"""Signing in to an app that is known by its metadata document: where its answers may go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import httpx
import pytest

from idjag.ledger.entry import Delete, Insert
from idjag.protocol.jose import PrivateKey, jws
from idjag.protocol.names import CLIENT_ASSERTION_TYPE
from idjag.trust.fetch import Fetched, Fetcher, PinnedFetcher
from idjag.trust.kept import Limits
from idjag.trust.memory import MemoryFetcher
from idjag.trust.outbound import FetchFailed, OutboundAllow
from idjag.trust.publications import Publications
from tests.idp.signin.seeds import NOW, TENANT, app_row, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, answer_of, claims
from tests.trust.pages import Pages

LIMITS = Limits(max_stale=3600, patience=30, brief=30)
ORIGIN = "https://client.example"
URL, CALLBACK = f"{ORIGIN}/app.json", f"{ORIGIN}/callback"
KEY = PrivateKey.generate("ES256", kid="one")


def document(**changes: Any) -> dict[str, Any]:
    """A public client's document; None takes a member out."""
    good: dict[str, Any] = {
        "client_id": URL,
        "client_name": "Payroll of Acme",
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def entry(**changes: Any) -> dict[str, Any]:
    """The app as the administrator approved it."""
    return {
        "id": "client",
        "client_id": URL,
        "name": "The Client",
        "auth": {"method": "client_id_metadata_document"},
        "assigned": {"everyone": True},
    } | changes


@dataclass
class There:
    """An IdP, the approved app, and what the app publishes."""

    host: Host
    fetcher: Fetcher
    limits: Limits = LIMITS
    seconds: float = 1000.0
    entry: dict[str, Any] = field(default_factory=entry)

    def __post_init__(self) -> None:
        publications = Publications(self.fetcher, lambda: self.seconds, loopback=True, limits=self.limits)
        self.running = running(self.host, publications=publications)

    def __enter__(self) -> tuple[There, Browser]:
        self.site: Site = self.running.__enter__()
        self.register(self.entry)
        self.browser = Browser(self.site)
        return self, self.browser

    def __exit__(self, *_: object) -> None:
        self.browser.close()
        self.running.__exit__(None, None, None)

    def register(self, changed: dict[str, Any]) -> None:
        """What the administrator does."""
        row = Insert("app", app_row(changed))
        self.site.write(Delete("app", {"id": "app-client"}), row, policy=True)


@pytest.fixture
def memory(host: Host) -> Iterator[tuple[There, Browser, MemoryFetcher]]:
    fetcher = MemoryFetcher({URL: document()})
    with There(host, fetcher) as (there, browser):
        yield there, browser, fetcher


def shown(response: httpx.Response, title: str, status: int = 400) -> bool:
    """An error page, and no redirect."""
    return response.status_code == status and title in response.text and "location" not in response.headers


def test_a_person_signs_in_to_an_app_that_is_an_address(host: Host) -> None:
    """CAU-10, CAU-13: over real HTTP, from the document to the ID token; private_key_jwt at the end."""
    with Pages() as pages:
        url, callback = pages.url("/app.json"), pages.url("/callback")
        keys = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY.public.to_dict()]}}
        pages.documents["/app.json"] = document(client_id=url, redirect_uris=[callback], **keys)
        fetcher = PinnedFetcher(OutboundAllow(loopback=True))
        with There(host, fetcher, entry=entry(client_id=url)) as (there, browser):
            code = browser.code(client_id=url, redirect_uri=callback)
            issuer = there.site.issuer
            proof: dict[str, Any] = {"iss": url, "sub": url, "aud": issuer, "jti": "j-1", "exp": NOW + 60}
            answer = browser.redeem(
                code,
                auth=None,
                redirect_uri=callback,
                client_assertion_type=CLIENT_ASSERTION_TYPE,
                client_assertion=jws.sign(proof, key=KEY, typ="client-authentication+jwt"),
            )
            assert claims(there.site, answer)["aud"] == url
            assert pages.paths == ["/app.json"]


def test_a_public_client_redeems_with_its_verifier_alone(
    memory: tuple[There, Browser, MemoryFetcher],
) -> None:
    """The draft's section 6.2: none, as MCP clients on people's machines are."""
    there, browser, fetcher = memory
    code = browser.code(client_id=URL, redirect_uri=CALLBACK)
    answer = browser.redeem(code, auth=None, client_id=URL, redirect_uri=CALLBACK)
    assert claims(there.site, answer)["aud"] == URL
    assert fetcher.asked == [URL]


def test_people_read_the_administrators_name_and_not_the_documents(
    memory: tuple[There, Browser, MemoryFetcher],
) -> None:
    """Decision 0024: a name in the hands of the client could be anybody's."""
    _, browser, _ = memory
    page = browser.ask(client_id=URL, redirect_uri=CALLBACK)
    assert "The Client" in page.text
    assert "client.example" in page.text
    assert "Payroll" not in page.text


@pytest.mark.parametrize(
    "uri",
    [
        f"{ORIGIN}/other",
        f"{ORIGIN}/callback/",
        f"{ORIGIN}/callback?x=1",
        "https://evil.example/callback",
        "https://client.example:8443/callback",
        "http://127.0.0.1/callback",
    ],
)
def test_an_address_that_the_document_does_not_list_is_refused(
    memory: tuple[There, Browser, MemoryFetcher], uri: str
) -> None:
    """OIDC-02, attack case 136: exactly as for any app."""
    _, browser, _ = memory
    assert shown(browser.ask(client_id=URL, redirect_uri=uri), "cannot be trusted")
    assert browser.ask(client_id=URL, redirect_uri=CALLBACK).status_code == 200


@pytest.mark.parametrize(
    ("uri", "kind", "approved", "allowed"),
    [
        ("https://evil.example/callback", "web", [], False),
        ("https://client.example:8443/callback", "web", [], False),
        ("https://client.example.evil.example/callback", "web", [], False),
        ("http://127.0.0.1:3000/callback", "web", [], False),
        ("http://127.0.0.1:3000/callback", "native", [], True),
        ("com.example.client:/callback", "native", [], False),
        ("com.example.client:/callback", "native", ["com.example.client:/callback"], True),
        ("https://evil.example/callback", "web", ["https://evil.example/callback"], True),
        (CALLBACK, "web", ["https://evil.example/callback"], False),
    ],
)
def test_a_document_widens_nothing_that_the_administrator_approved(
    host: Host, uri: str, kind: str, approved: list[str], *, allowed: bool
) -> None:
    """Decision 0024: the document's own origin, or the list; whoever takes over the document gets no more."""
    fetcher = MemoryFetcher({URL: document(redirect_uris=[CALLBACK, uri])})
    with There(host, fetcher, entry=entry(kind=kind, redirect_uris=approved)) as (_, browser):
        page = browser.ask(client_id=URL, redirect_uri=uri)
        assert page.status_code == 200 if allowed else shown(page, "cannot be trusted")


def test_an_approved_address_that_the_document_does_not_list_is_none(host: Host) -> None:
    """Decision 0024: both must name it."""
    with There(host, MemoryFetcher({URL: document()}), entry=entry(redirect_uris=[CALLBACK])) as (_, browser):
        assert browser.ask(client_id=URL, redirect_uri=CALLBACK).status_code == 200
    other = MemoryFetcher({URL: document(redirect_uris=[])})
    with There(host, other, entry=entry(redirect_uris=[CALLBACK])) as (_, browser):
        assert shown(browser.ask(client_id=URL, redirect_uri=CALLBACK), "cannot be trusted")


def test_without_its_document_no_address_is_the_apps(host: Host) -> None:
    """Whoever forgets to read the document gets no redirect, whatever the administrator approved."""
    with There(host, MemoryFetcher({}), entry=entry(redirect_uris=[CALLBACK])) as (there, _):
        client = there.site.ledger.fresh(TENANT).clients[URL]
        assert client.approved == (CALLBACK,)
        assert client.redirect_uris == ()


def test_a_document_that_cannot_be_believed_redirects_nobody(
    memory: tuple[There, Browser, MemoryFetcher],
) -> None:
    """CAU-10: the request is aborted with a page; after a pause it is tried again."""
    there, browser, fetcher = memory
    for wrong in (
        FetchFailed(f"{URL}: 404"),
        document(client_id=f"{URL}x"),
        document(client_secret="canary"),
    ):
        fetcher.documents[URL] = wrong
        page = browser.ask(client_id=URL, redirect_uri=CALLBACK)
        assert shown(page, "cannot be checked right now")
        assert "canary" not in page.text
        there.seconds += LIMITS.retry
    fetcher.documents[URL] = document()
    assert browser.ask(client_id=URL, redirect_uri=CALLBACK).status_code == 200


def test_a_changed_document_counts_for_those_who_are_at_the_form(
    memory: tuple[There, Browser, MemoryFetcher],
) -> None:
    """The request is read from the start when the form comes back: an address taken back is taken back."""
    there, browser, fetcher = memory
    page = browser.ask(client_id=URL, redirect_uri=CALLBACK)
    fetcher.documents[URL] = document(redirect_uris=[f"{ORIGIN}/new"])
    there.seconds += LIMITS.ttl
    answer = browser.fill(page, username="alice", password="correct horse battery")
    assert shown(answer, "cannot be trusted")


def test_an_app_that_is_registered_anew_while_a_password_is_checked_is_held_to_the_new_record(
    memory: tuple[There, Browser, MemoryFetcher],
) -> None:
    """Under the rules of the transaction: the document as it was read, within what is approved now."""
    there, browser, _ = memory
    page = browser.ask(client_id=URL, redirect_uri=CALLBACK)
    there.site.hasher.meanwhile = lambda: there.register(entry(redirect_uris=[f"{ORIGIN}/other"]))
    answer = browser.fill(page, username="alice", password="correct horse battery")
    assert shown(answer, "cannot be trusted")
    there.register(entry())
    there.site.hasher.meanwhile = lambda: there.register(entry(name="Renamed"))
    page = browser.ask(client_id=URL, redirect_uri=CALLBACK)
    assert "code" in answer_of(browser.fill(page, username="alice", password="correct horse battery"))


def test_nothing_is_fetched_for_strangers_and_for_what_is_switched_off(
    memory: tuple[There, Browser, MemoryFetcher],
) -> None:
    """CAU-13: an address that nobody approved is not fetched, whoever names it."""
    there, browser, fetcher = memory
    for unknown in ("https://evil.example/app.json", f"{URL}/", "http://127.0.0.1:9/app.json"):
        assert shown(browser.ask(client_id=unknown, redirect_uri=CALLBACK), "not known here")
    there.site.write(update("app", "app-client", status="disabled"), policy=True)
    assert shown(browser.ask(client_id=URL, redirect_uri=CALLBACK), "switched off", 403)
    assert fetcher.asked == []


def test_a_hanging_document_leaves_the_other_apps_their_sign_in(host: Host) -> None:
    """CAU-11: few threads wait for it; more people are told to come back, and other apps work."""
    entered, opened = threading.Event(), threading.Event()

    class Hanging(MemoryFetcher):
        def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
            entered.set()
            assert opened.wait(60)
            return super().get(url, max_bytes=max_bytes, accept=accept)

    def ask(site: Site) -> int:
        with Browser(site) as one:
            return one.ask(client_id=URL, redirect_uri=CALLBACK).status_code

    limits = replace(LIMITS, waiting=6)
    with There(host, Hanging({URL: document()}), limits) as (there, browser), ThreadPoolExecutor(8) as pool:
        try:
            asked = [pool.submit(ask, there.site) for _ in range(8)]
            # a third of six threads may wait for one document: everybody else is answered meanwhile
            turned_away = [use.result() for use in islice(as_completed(asked, timeout=60), 6)]
            assert turned_away == [503] * 6
            assert entered.is_set()
            assert browser.ask().status_code == 200  # the wiki's own form
        finally:
            opened.set()
        assert sorted(use.result(60) for use in asked) == [200, 200, *turned_away]


def test_without_a_way_out_such_an_app_is_not_signed_in_to(host: Host) -> None:
    """A wiring that fetches nothing never guesses, and says so in the metadata (MET-17)."""
    with running(host) as site, Browser(site) as browser:
        site.write(Insert("app", app_row(entry(redirect_uris=[CALLBACK]))), policy=True)
        assert shown(browser.ask(client_id=URL, redirect_uri=CALLBACK), "not available", 503)
        metadata = browser.get("/.well-known/openid-configuration").json()
        assert "client_id_metadata_document_supported" not in metadata


@pytest.mark.parametrize("name", ["openid-configuration", "oauth-authorization-server"])
def test_the_metadata_says_so_where_it_works(memory: tuple[There, Browser, MemoryFetcher], name: str) -> None:
    """MET-17."""
    _, browser, _ = memory
    metadata = browser.get(f"/.well-known/{name}").json()
    assert metadata["client_id_metadata_document_supported"] is True
