"""When what an app publishes is fetched at all, and what happens around a fetch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from idjag.idp.app import token_grants
from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.token import Token
from idjag.trust.fetch import Fetched
from idjag.trust.memory import MemoryFetcher
from tests.idp.grants.acme import ISSUER, acme, app, connection, state
from tests.idp.grants.published import (
    BY_KEYS,
    KEY,
    KEYS_URL,
    LIMITS,
    STRANGER,
    URL,
    Client,
    approved,
    assertion,
    document,
    key_set,
    registered,
)


@pytest.mark.parametrize("status", ["disabled", "active"])
def test_nothing_is_fetched_for_a_client_that_is_switched_off(status: str) -> None:
    """CAU-13: the administrator's record comes first."""
    fetcher = MemoryFetcher({URL: document()})
    with acme(approved(status=status)) as idp:
        client = Client(idp, fetcher)
        answer = client.exchange()
        if status == "active":
            assert (answer.status, fetcher.asked) == (200, [URL])
        else:
            client.refused(answer, "client_disabled")
            assert fetcher.asked == []


def test_nothing_is_fetched_for_what_no_document_could_prove(memory: tuple[Client, MemoryFetcher]) -> None:
    """CAU-13, CAU-09: unknown addresses, secrets, and apps of another method never cause a fetch."""
    client, fetcher = memory
    for unknown in (
        "https://evil.example/app.json",
        f"{URL}/",
        URL.upper(),
        "https://client.example:443/app.json",
    ):
        client.refused(client.exchange(text=assertion(unknown)), "client_unknown")
    secret: dict[str, Any] = {
        "client_assertion": None,
        "client_assertion_type": None,
        "client_id": URL,
        "client_secret": "x" * 20,
    }
    client.refused(client.exchange(**secret), "client_method_wrong")
    client.refused(client.exchange(text=assertion("notes")), "client_method_wrong")
    assert fetcher.asked == []
    assert client.exchange().status == 200
    assert fetcher.asked == [URL]


def test_fetches_have_threads_of_their_own(memory: tuple[Client, MemoryFetcher]) -> None:
    """Never on the event loop, and never inside the ledger's transaction."""
    client, fetcher = memory
    threads: list[str] = []

    class Watched:
        def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
            threads.append(threading.current_thread().name)
            return fetcher.get(url, max_bytes=max_bytes, accept=accept)

    assert Client(client.idp, Watched()).exchange().status == 200
    assert threads == ["idjag-fetch"]


class Meanwhile(MemoryFetcher):
    """Somebody applies another state file while the first fetch is under way."""

    def __init__(self, documents: dict[str, Any], change: Callable[[], None]) -> None:
        super().__init__(documents)
        self._change = change

    def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
        first = not self.asked
        found = super().get(url, max_bytes=max_bytes, accept=accept)
        if first:
            self._change()
        return found


@pytest.mark.parametrize("trusted", [True, False])
def test_keys_of_a_registration_that_was_replaced_meanwhile_prove_nothing(*, trusted: bool) -> None:
    """A decision never rests on a registration that was replaced: what is new is fetched, then decided."""
    moved = "https://client.example/moved"
    new = KEY if trusted else STRANGER
    with acme(BY_KEYS) as idp:
        auth = {"method": "private_key_jwt", "jwks_uri": moved}
        after = state(apps=[app("wiki", auth=auth), app("notes")])
        fetcher = Meanwhile({KEYS_URL: key_set(KEY), moved: key_set(new)}, lambda: idp.apply(after))
        client = Client(idp, fetcher)
        answer = client.exchange()
        assert fetcher.asked == [KEYS_URL, moved]
        if trusted:
            assert answer.status == 200
        else:
            client.refused(answer, "client_assertion_invalid")


def test_keys_that_cannot_be_had_are_the_clients_own_fault() -> None:
    """CAU-06: invalid_client, with the cause in the audit log; not a failure of ours."""
    with acme(BY_KEYS) as idp:
        client = Client(idp, MemoryFetcher({KEYS_URL: {}}))
        assert "not a JWK Set" in client.refused(client.exchange(), "client_keys_unavailable")


def test_too_much_at_once_is_our_own_fault() -> None:
    """503 and try again, as for any bound of ours."""
    blocked, entered = threading.Event(), threading.Event()

    class Hanging(MemoryFetcher):
        def get(self, url: str, *, max_bytes: int, accept: str = "application/json") -> Fetched:
            entered.set()
            assert blocked.wait(60)
            return super().get(url, max_bytes=max_bytes, accept=accept)

    limits = replace(LIMITS, flights=1, patience=0.05)
    other = registered(id="other", client_id="https://other.example/app.json")
    text = state(apps=[registered(), other, app("notes")], connections=[connection(client_id=None)])
    with acme(text) as idp:
        client = Client(idp, Hanging({URL: document()}), limits=limits)
        try:
            said = client.refused(client.exchange(), "client_metadata_unavailable")
            assert "no answer yet" in said
            assert entered.wait(60)
            busy = client.exchange(text=assertion("https://other.example/app.json"))
            client.refused(busy, "unavailable", "temporarily_unavailable")
        finally:
            blocked.set()


def test_without_a_way_out_such_an_app_is_refused() -> None:
    """A wiring that fetches nothing never guesses."""
    with acme(approved()) as idp:
        client = Client(idp, MemoryFetcher({URL: document()}))
        idp.endpoint = ClientEndpoint(idp.services, Token(token_grants(idp.services)), uri=f"{ISSUER}/token")
        assert idp.services.publications is None
        client.refused(client.exchange(), "unavailable", "temporarily_unavailable")
