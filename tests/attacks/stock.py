"""A target whose codes and refresh tokens are made many at a time: a fuzz needs tens of thousands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from idjag.idp.signin.codes import Code, challenge_of, code_key
from idjag.ledger.entry import Write
from tests.attacks.target import Target, target
from tests.idp.grants.acme import TENANT
from tests.idp.grants.offline import SCOPES, VERIFIER

__all__ = ["Stocked", "stocked"]

_AT_ONCE = 8
_FRESH = 50  # seconds: a code lives for 60


@dataclass(slots=True)
class Stocked(Target):
    """Whoever replays something of a session ends it for those that share it, eight at most."""

    codes: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    refresh_tokens: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def code(self, client: str) -> str:
        """A code that nobody has used."""
        stock = self.codes[client]
        stock[:] = [each for each in stock if each[0] + _FRESH > self.acme.clock.now]
        if not stock:
            self._fill(client)
        return self.codes[client].pop()[1]

    def refresh_token(self, client: str) -> str:
        """A refresh token that nobody has used."""
        if not self.refresh_tokens[client]:
            self._fill(client)
        return self.refresh_tokens[client].pop()

    def _fill(self, client: str) -> None:
        """One session, and eight of each in it."""
        session_id, now = self.session(client), self.acme.clock.now
        sid = self.sid(session_id)
        writes: list[Write] = []
        for _ in range(_AT_ONCE):
            value = self.acme.new_id() + self.acme.new_id()
            writes.append(self._code(value, client, session_id).insert(TENANT))
            self.codes[client].append((now, value))
            value, offline = self.offline(client, session_id, sid)
            writes += offline
            self.refresh_tokens[client].append(value)
        self.acme.write(*writes)

    def _code(self, value: str, client: str, session_id: str) -> Code:
        return Code(
            id=code_key(value).value,
            app_id=self.acme.app_id(client),
            session_id=session_id,
            person_id=self.acme.person("alice"),
            epoch=0,
            expires=self.acme.clock.now + 60,
            redirect_uri=f"https://{client}.example/callback",
            code_challenge=challenge_of(VERIFIER),
            scopes=SCOPES,
        )


@contextmanager
def stocked(database: Path) -> Iterator[Stocked]:
    """``target`` with a stock."""
    with target(database) as made:
        yield Stocked(made.acme, made.app, made.tokens)
