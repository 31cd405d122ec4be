"""Deployments of a size: people and connections straight into the tables, and what those people ask.

Through the front door a million people would take hours, and what is measured is the table, not the door.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from sqlmodel import SQLModel

from benchmarks.load import Prepared, Requests
from idjag.idp.app import open_store
from idjag.idp.settings import Settings, sqlite_path
from idjag.idp.store.tables.apps import App, Connection, ResourceApp
from idjag.idp.store.tables.people import Membership, Person, Subject
from idjag.idp.store.tables.sessions import Session, SessionApp
from idjag.ledger import sqlite
from idjag.protocol import id_token, names
from idjag.protocol.jose import PrivateKey, jws
from idjag.protocol.jose.json import JsonValue
from tests.processes.acme import Acme

__all__ = ["ASKING", "exchanges", "post", "seed"]

ASKING = 64
"""People who are signed in and ask in turn: every entry of a batch has facts of its own to read."""

_HOUR = 3600
_RESOURCE_APPS = 400
_ACR = "urn:idjag:acr:pwd"


def seed(acme: Acme, *, people: int = ASKING, connections: int = 10) -> None:
    """Add people like alice, some of them signed in at wiki, and connections like hers from other apps."""
    settings = Settings.load(acme.environ)
    run, close = _open(settings.database_url)
    now = str(int(time.time()))
    tables = _Tables(run, now)
    try:
        tables.people(people)
        tables.sessions(min(people, ASKING))
        if connections > 1:
            tables.connections(connections - 1)
    finally:
        close()


def exchanges(acme: Acme, *, key: PrivateKey | None = None, new_tokens: bool = False) -> Requests:
    """What the signed-in people ask, in turn; with a key, each request has an assertion of its own.

    ``new_tokens``: no ID token comes twice, so that each of them is verified, as the floor does.
    """
    sign = _id_tokens(acme)
    tokens = map(sign, itertools.count()) if new_tokens else itertools.cycle(map(sign, range(ASKING)))
    if key is None:
        basic = base64.b64encode(f"{acme.wiki.client_id}:{acme.wiki.secret}".encode()).decode()

        def ask() -> bytes:
            return _exchange(acme, next(tokens), {"Authorization": f"Basic {basic}"}, {})

        return Prepared(ask) if new_tokens else itertools.cycle([ask() for _ in range(ASKING)]).__next__
    count = itertools.count()

    def make() -> bytes:
        now = int(time.time())
        who = acme.wiki.client_id
        claims: dict[str, JsonValue] = {"iss": who, "sub": who, "aud": acme.idp, "iat": now, "exp": now + 50}
        assertion = jws.sign({**claims, "jti": f"{now}-{next(count)}"}, key=key, typ="JWT")
        proof = {"client_assertion_type": names.CLIENT_ASSERTION_TYPE, "client_assertion": assertion}
        return _exchange(acme, next(tokens), {}, proof)

    return Prepared(make)


def post(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
    """A whole request with a form."""
    there, body = urlsplit(url), urlencode(form).encode()
    lines = [
        f"POST {there.path} HTTP/1.1",
        f"Host: {there.netloc}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _exchange(acme: Acme, token: str, headers: Mapping[str, str], proof: Mapping[str, str]) -> bytes:
    form = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": token,
        "subject_token_type": names.ID_TOKEN,
        "audience": acme.chat,
        "scope": "chat.read",
        **proof,
    }
    return post(f"{acme.idp}/token", form, headers)


def _id_tokens(acme: Acme) -> Callable[[int], str]:
    """What somebody got at a sign-in, signed by the key of the deployment: another one for each number."""
    with open_store(Settings.load(acme.environ)) as store:
        now = int(time.time())
        key = store.ledger.snapshot(store.tenant).keys.signing("RS256", now=now)

    def sign(number: int) -> str:
        person = 1 + number % ASKING
        token = id_token.IdToken(
            iss=acme.idp,
            sub=f"sub-{person}",
            aud=acme.wiki.client_id,
            iat=now,
            exp=now + _HOUR,
            auth_time=now,
            acr=_ACR,
            amr=("pwd",),
            sid=f"sid-{person}",
            session_expiry=now + _HOUR,
            nonce=str(number),
        )
        return jws.sign(id_token.claims(token), key=key, typ="JWT")

    return sign


def _open(url: str) -> tuple[Callable[[str], object], Callable[[], object]]:
    """How to run a statement, and how to close."""
    path = sqlite_path(url)
    if path is not None:
        connection = sqlite.connect(path)
        return connection.execute, connection.close
    import psycopg

    wire = psycopg.connect(url, autocommit=True)
    return lambda text: wire.execute(text.encode()), wire.close


@dataclass(frozen=True, slots=True)
class _Tables:
    """Rows by the thousand: ``n`` counts them from 1 in every expression."""

    run: Callable[[str], object]
    now: str

    def people(self, count: int) -> None:
        """Each with a group and a public sub, as alice has."""
        me = "'person-' || n"
        self._fill(
            Person, count, like="username = 'alice'", id=me, username=me, email=f"{me} || '@acme.example'"
        )
        alice = "person_id = (SELECT id FROM person WHERE username = 'alice')"
        self._fill(Membership, count, like=alice, id=f"like_.group_id || ':' || {me}", person_id=me)
        self._fill(
            Subject,
            count,
            id="'subject-' || n",
            tenant_id="(SELECT tenant_id FROM person WHERE username = 'alice')",
            person_id=me,
            sector="''",
            sub="'sub-' || n",
        )

    def sessions(self, count: int) -> None:
        """They have just signed in, and reached wiki."""
        tenant = "(SELECT tenant_id FROM person WHERE username = 'alice')"
        over = f"{self.now} + {_HOUR}"
        texts = {"amr": "'[\"pwd\"]'", "ip": "'192.0.2.1'", "user_agent": "''", "acr": f"'{_ACR}'"}
        times = {
            "auth_time": self.now,
            "created": self.now,
            "expires": over,
            "ended": "NULL",
            "revoked": "NULL",
        }
        self._fill(
            Session,
            count,
            id="'session-' || n",
            tenant_id=tenant,
            cookie="'cookie-' || n",
            person_id="'person-' || n",
            epoch="0",
            **texts,
            **times,
        )
        self._fill(
            SessionApp,
            count,
            id="'reached-' || n",
            tenant_id=tenant,
            session_id="'session-' || n",
            app_id="(SELECT id FROM app WHERE key = 'wiki')",
            sid="'sid-' || n",
            created=self.now,
        )

    def connections(self, count: int) -> None:
        """From apps like wiki to resource apps like chat, no two the same."""
        targets = min(count, _RESOURCE_APPS)
        app, target = "'app-' || n", "'target-' || n"
        self._fill(App, -(-count // targets), like="key = 'wiki'", id=app, key=app, client_id=app)
        issuer = "'https://' || n || '.example'"
        self._fill(ResourceApp, targets, like="key = 'chat'", id=target, key=target, issuer=issuer)
        self._fill(
            Connection,
            count,
            like="key = 'wiki-chat'",
            id="'connection-' || n",
            key="'connection-' || n",
            app_id=f"'app-' || (1 + (n - 1) / {targets})",
            resource_app_id=f"'target-' || (1 + (n - 1) % {targets})",
        )

    def _fill(self, table: type[SQLModel], count: int, *, like: str = "", **values: str) -> None:
        """``count`` rows; a column that is not given is that of the row ``like`` this, or has its default."""
        columns = [name for name in table.model_fields if like or name in values]
        source = f", {table.__tablename__} AS like_ WHERE like_.{like}" if like else ""
        selected = ", ".join(values.get(name, f"like_.{name}") for name in columns)
        self.run(
            f"WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) "  # noqa: S608
            f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) SELECT {selected} FROM numbers{source}"
        )
