"""Redemptions of a whole resource authorization server against the floor; each ID-JAG serves once."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load import Prepared
from benchmarks.measure import Measurement
from benchmarks.rounds import compared
from benchmarks.seeds import ASKING, post
from benchmarks.servers import Server, floor
from idjag.protocol import names
from idjag.protocol.id_jag import IdJag, claims
from idjag.protocol.jose import PrivateKey, jws
from tests.cluster import binaries, cluster
from tests.processes.acme import Acme, acme_in

__all__ = ["LINES", "measurements"]

LINES = {f"redeem.sqlite.c{at_once}.w1": at_once for at_once in (1, 16, 64)} | {"redeem.postgres.c16.w1": 16}
"""What can be measured, and at how many connections."""

_LIFETIME = 300


def measurements(chosen: Sequence[str]) -> Iterator[Measurement]:
    """The chosen lines, on one server for each store."""
    for store in ("sqlite", "postgres"):
        lines = [name for name in chosen if name.startswith(f"redeem.{store}.")]
        if lines and store == "postgres" and binaries() is None:
            print(
                f"benchmarks: {', '.join(lines)}: skipped: no PostgreSQL server is installed", file=sys.stderr
            )
        elif lines:
            yield from _measured(lines, store)


def _measured(lines: Sequence[str], store: str) -> Iterator[Measurement]:
    with ExitStack() as stack:
        acme = acme_in(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        key = PrivateKey.generate("ES256", kid="idp")
        _configure(acme, key)
        if store == "postgres":
            _on_postgres(acme, stack)
        pid = stack.enter_context(acme.serve_ras()).process.pid
        port, requests = int(urlsplit(acme.chat).port or 0), _requests(acme, key)
        product = Server(port, (pid,))
        bare = stack.enter_context(floor(requests(), like=port, verified=["ES256"]))
        for name in lines:
            yield from compared(name, product, bare, requests, connections=LINES[name])


def _configure(acme: Acme, key: PrivateKey) -> None:
    """The issuer's keys stand in the file; accounts for everybody who comes."""
    file = acme.folder / "ras.yaml"
    keys = json.dumps({"keys": [key.public.to_dict()]})
    accounts = "".join(f"  - {{id: u-{n}, email: person-{n}@acme.example}}\n" for n in range(ASKING))
    text = file.read_text(encoding="utf-8")
    text = text.replace("    subject: {by:", f"    keys: {keys}\n    subject: {{by:", 1)
    text = text.replace("accounts:\n", f"accounts:\n{accounts}", 1)
    file.write_text(text, encoding="utf-8")


def _on_postgres(acme: Acme, stack: ExitStack) -> None:
    """A server of its own, and the key that no such database is given by itself."""
    found = binaries()
    assert found is not None
    kek, file = acme.folder / "ras.kek", acme.folder / "ras.yaml"
    kek.touch(mode=0o600)
    kek.write_text(secrets.token_hex(32), encoding="ascii")
    url = stack.enter_context(cluster(found)).schema()
    text = file.read_text(encoding="utf-8")
    here = f'database_url: "{url}"\nkek_file: {kek}\n'
    file.write_text(text.replace("database_url: sqlite:///ras.db\n", here, 1), encoding="utf-8")


def _requests(acme: Acme, key: PrivateKey) -> Prepared:
    wiki, count = acme.wiki, itertools.count()
    basic = base64.b64encode(f"{wiki.chat_client_id}:{wiki.chat_secret}".encode()).decode()

    def make() -> bytes:
        n, now = next(count), int(time.time())
        grant = IdJag(
            iss=acme.idp,
            sub=f"sub-{n % ASKING}",
            aud=acme.chat,
            client_id=wiki.chat_client_id,
            jti=f"{now}-{n}",
            iat=now,
            exp=now + _LIFETIME,
            scopes=("chat.read",),
            auth_time=now,
            acr="urn:idjag:acr:pwd",
            amr=("pwd",),
            email=f"person-{n % ASKING}@acme.example",
            email_verified=True,
        )
        assertion = jws.sign(claims(grant), key=key, typ=names.ID_JAG_TYP)
        form = {"grant_type": names.JWT_BEARER, "assertion": assertion, "scope": "chat.read"}
        return post(f"{acme.chat}/token", form, {"Authorization": f"Basic {basic}"})

    return Prepared(make)
