"""A resource authorization server with one of everything, and the grants to bring to it."""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from idjag.protocol import names
from idjag.protocol.jose import KeySet, PrivateKey, base64url, jws
from idjag.ras import (
    Account,
    Client,
    JwtSigner,
    Link,
    MemoryStore,
    Ras,
    RasConfig,
    Registration,
    Reply,
    Resource,
    SubjectRules,
    TokenRequest,
    TrustedIssuer,
    hash_secret,
)
from idjag.ras.ports import IssuerKeys, Store
from idjag.ras.trusted import Strategy
from idjag.trust.publications import Publications

NOW = 1_800_000_000
IDP = "https://idp.acme.example"
OTHER_IDP = "https://idp.globex.example"
RAS = "https://acme.chat.example/"
API = "https://api.chat.example/"
FILES = "https://files.chat.example/v1"
CLIENT = "f53f191f9311af35"
SECRET = "a-secret-of-the-wiki"
KEY_CLIENT = "key-client"
ALICE = "alice-at-acme"
KEPT = object()
"""In ``grant(claim=...)``: leave the claim as it is."""


@cache
def key(name: str, alg: str = "ES256", kid: str = "") -> PrivateKey:
    """One key a name and session."""
    return PrivateKey.generate(alg, kid=kid or name)


class FakeKeys:
    """IssuerKeys over a dict; counts who asked; ``down`` issuers raise."""

    def __init__(self) -> None:
        self.sets: dict[str, KeySet] = {
            IDP: KeySet([key("idp").public, key("idp-rsa", "RS256").public]),
            OTHER_IDP: KeySet([key("other").public]),
        }
        self.asked: list[tuple[str, str | None]] = []
        self.forgotten: list[str] = []
        self.down: set[str] = set()

    def keys(self, issuer: str, jwks_uri: str | None, *, kid: str | None = None) -> KeySet:
        assert jwks_uri is None
        self.asked.append((issuer, kid))
        if issuer in self.down:
            raise OSError("no route")
        return self.sets[issuer]

    def forget(self, issuer: str) -> None:
        self.forgotten.append(issuer)


def trusted(issuer: str = IDP, **changes: Any) -> TrustedIssuer:
    """A trusted issuer whose people are found by link, id and mail; the other one's not by id."""
    by: tuple[Strategy, ...] = ("iss_sub", "aud_sub", "email")
    if issuer == IDP:  # who names accounts by their id could name the other's: it must be told so
        rules = SubjectRules(by=by, email_domains=frozenset({"acme.example"}), joins=frozenset({OTHER_IDP}))
    else:
        rules = SubjectRules(by=("iss_sub", "email"), email_domains=frozenset({"globex.example"}))
    return replace(TrustedIssuer(issuer, subject=rules), **changes)


def rules(**changes: Any) -> SubjectRules:
    """The subject rules of ``trusted``, changed."""
    return replace(trusted().subject, **changes)


def client(client_id: str = CLIENT, secret: str = SECRET, **changes: Any) -> Client:
    """The wiki as it is registered here."""
    registration = Registration(client_id, names.CLIENT_SECRET, secret_hashes=(hash_secret(secret),))
    made = Client(
        client_id,
        scopes=frozenset({"chat.read", "chat.history"}),
        issuers=frozenset({IDP}),
        registration=registration,
    )
    return replace(made, **changes)


def key_client() -> Client:
    """A client that authenticates with private_key_jwt."""
    registration = Registration(KEY_CLIENT, names.PRIVATE_KEY_JWT, keys=KeySet([key("key-client").public]))
    return client(KEY_CLIENT, registration=registration)


def config(**changes: Any) -> RasConfig:
    """The configuration that every test starts from."""
    made = RasConfig(
        issuer=RAS,
        trusted_issuers=(trusted(), trusted(OTHER_IDP)),
        clients=(client(), key_client()),
        resources=(
            Resource(API, frozenset({"chat.read", "chat.history", "chat.write"})),
            Resource(FILES, frozenset({"chat.read", "files.read"})),
        ),
        default_resource=API,
    )
    return replace(made, **changes)


def memory_store() -> MemoryStore:
    """Alice, known by her link; Bob, known by his mail, Gil at the other issuer; Eve, disabled."""
    return MemoryStore(
        [
            Account("u-alice", email="alice@acme.example"),
            Account("u-bob", email="bob@acme.example"),
            Account("u-eve", email="eve@acme.example", active=False),
            Account("u-gil", email="gil@globex.example"),
        ],
        [(Link(IDP, "", ALICE), "u-alice")],
    )


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def ids(prefix: str = "id") -> Callable[[], str]:
    """A generator of ids, for many threads."""
    counter, lock = itertools.count(1), threading.Lock()

    def new_id() -> str:
        with lock:
            return f"{prefix}-{next(counter)}"

    return new_id


_JTI = ids("jti")


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good grant with changes; None takes a claim out."""
    good: dict[str, Any] = {
        "iss": IDP,
        "sub": ALICE,
        "aud": RAS,
        "client_id": CLIENT,
        "jti": _JTI(),
        "iat": NOW,
        "exp": NOW + 300,
        "scope": "chat.read chat.history",
        "resource": API,
        "auth_time": NOW - 60,
        "acr": "urn:acme:loa2",
        "amr": ["pwd", "otp"],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def raw_token(header: Mapping[str, Any] | str, body: Mapping[str, Any] | str, signer: PrivateKey) -> str:
    """A compact JWS of exactly these texts."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, body)]
    signing_input = ".".join(base64url.encode(part.encode()) for part in parts)
    return f"{signing_input}.{base64url.encode(signer.sign(signing_input.encode()))}"


def grant(signer: PrivateKey | None = None, /, typ: Any = names.ID_JAG_TYP, **changes: Any) -> str:
    """A signed grant."""
    return jws.sign(claims(**changes), key=signer or key("idp"), typ=typ)


def basic(client_id: str = CLIENT, secret: str = SECRET) -> bytes:
    """The Authorization header of RFC 6749 section 2.3.1."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return b"Basic " + base64.b64encode(pair.encode())


@dataclass
class World:
    """The server, and what stands around it."""

    store: Any = field(default_factory=memory_store)
    keys: Any = field(default_factory=FakeKeys)
    clock: Clock = field(default_factory=Clock)
    config: RasConfig = field(default_factory=config)
    signing_key: PrivateKey = field(default_factory=lambda: key("ras"))
    publications: Publications | None = None

    def __post_init__(self) -> None:
        store: Store = self.store
        keys: IssuerKeys = self.keys
        self.ras = Ras(
            self.config,
            keys=keys,
            accounts=self.store,
            store=store,
            signer=JwtSigner(self.signing_key),
            publications=self.publications,
            clock=self.clock,
            new_id=ids("ref"),
        )

    def post(
        self,
        parameters: Mapping[str, Any] | bytes | None = None,
        *,
        authorization: bytes | None = KEPT,  # type: ignore[assignment]
        **changes: Any,
    ) -> Reply:
        """One token request; ``parameters`` beside or instead of the usual ones, None takes one out."""
        return self.ras.token(request(parameters, authorization=authorization, **changes))

    def event(self) -> Any:
        """The latest audit event."""
        return self.store.events[-1]


def request(
    parameters: Mapping[str, Any] | bytes | None = None,
    *,
    authorization: bytes | None = KEPT,  # type: ignore[assignment]
    **changes: Any,
) -> TokenRequest:
    """A good token request with changes."""
    if not isinstance(parameters, bytes):
        usual = {"grant_type": names.JWT_BEARER, "assertion": ""}
        form = {k: v for k, v in (usual | dict(parameters or {})).items() if v is not None}
        if not form.get("assertion", "x"):
            form["assertion"] = grant()
        parameters = urlencode(form, doseq=True).encode()
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/x-www-form-urlencoded")]
    header = basic() if authorization is KEPT else authorization
    if header is not None:
        headers.append((b"authorization", header))
    good = TokenRequest("POST", headers=tuple(headers), body=parameters, source="192.0.2.1")
    return replace(good, **changes)


def body(reply: Reply) -> dict[str, Any]:
    """The JSON of a reply."""
    parsed: dict[str, Any] = json.loads(reply.body)
    return parsed


def token_claims(reply: Reply) -> dict[str, Any]:
    """The claims of the access token of a reply, verified."""
    text = body(reply)["access_token"]
    return dict(jws.verify(text, keys=KeySet([key("ras").public]), algorithms=["ES256"]))


def assert_refused(world: World, reply: Reply, error: str, reason: str) -> None:
    """The global oracle of the attack cases, for a refusal after client authentication."""
    answer = body(reply)
    status = {"invalid_client": 401, "temporarily_unavailable": 503}.get(error, 400)
    assert (reply.status, answer["error"]) == (status, error)
    headers = dict(reply.headers)
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"content-type"] == b"application/json"
    assert "access_token" not in answer
    assert answer["error_description"].endswith(f"(ref {answer['decision_id']})")
    event = world.event()
    assert event.fields["reason"] == reason
    assert event.fields["decision_id"] == answer["decision_id"]
