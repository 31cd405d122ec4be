"""What a request must look up before its entry is looked up beside the event loop, and only when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from idjag.idp.app import token_grants
from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.introspection import Introspection
from idjag.idp.revocation import Revocation
from idjag.idp.token import Token
from idjag.ledger.entry import Facts, Key
from idjag.ledger.memory import MemoryLedger
from tests.idp.grants.acme import ISSUER, Acme
from tests.idp.grants.offline import ask, code, exchange, redeem, refresh, sign_in


class Watched:
    """A ledger of which every look is noted, with the kind of thread that it came from."""

    def __init__(self, ledger: MemoryLedger) -> None:  # type: ignore[type-arg]
        self._ledger = ledger
        self.looks: list[tuple[str, bool]] = []

    def read(self, keys: Sequence[Key]) -> Facts:
        """As the ledger does it."""
        try:
            asyncio.get_running_loop()
            beside = False
        except RuntimeError:
            beside = True
        self.looks += [(key.table, beside) for key in keys]
        return self._ledger.read(keys)

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)


@contextmanager
def watched(idp: Acme) -> Iterator[Watched]:
    """Acme's endpoints on a ledger that is watched."""
    assert isinstance(idp.ledger, MemoryLedger)
    made = Watched(idp.ledger)
    services = replace(idp.services, ledger=made)  # type: ignore[arg-type]
    before, idp.endpoint = idp.endpoint, ClientEndpoint(services, Token(token_grants(services)))
    yield made
    idp.endpoint = before


def test_no_look_up_blocks_the_event_loop(stay: Acme) -> None:
    """Codes, refresh tokens and the origin of an ID token: the other requests go on meanwhile."""
    value, _ = code(stay)
    with watched(stay) as ledger:
        given = redeem(stay, value).json
        assert refresh(stay, given["refresh_token"]).status == 200
        assert stay.exchange(given["id_token"]).status == 200
        assert exchange(stay, "unknown").status == 400
        for operation in (Revocation(ledger), Introspection(ISSUER, ledger)):  # type: ignore[arg-type]
            endpoint = ClientEndpoint(stay.services, operation)
            assert ask(stay, {"token": "unknown"}, client="wiki", to=endpoint).status == 200
    asked = ["refresh_token", "access_token"]  # what is neither may be either
    tables = ["code", "refresh_token", "subject", "session_app", "refresh_token", *asked, *asked]
    assert ledger.looks == [(table, True) for table in tables]


def test_what_never_changes_is_looked_up_once(stay: Acme) -> None:
    """Where an ID token came from is remembered; a refresh token never is."""
    tokens = sign_in(stay)
    with watched(stay) as ledger:
        for _ in range(3):
            assert stay.exchange(tokens.id_token).status == 200
            assert exchange(stay, tokens.refresh_token).status == 200
    looked = [table for table, _ in ledger.looks]
    assert [looked.count(table) for table in ("subject", "session_app", "refresh_token")] == [1, 1, 3]
