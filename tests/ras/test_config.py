"""ras.yaml: what it may say, what is refused with its place, and the program that it makes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol.jose import KeySet
from idjag.ras import Link
from idjag.ras.config import SettingsWrong, build, load
from idjag.seal import KekRefused
from idjag.yaml_file import FileError, FileErrors
from tests.ras.world import ALICE, API, CLIENT, IDP, NOW, RAS, SECRET, basic, body, grant, key, request

ENVIRON = {"WIKI_CHAT_SECRET": SECRET}
JWKS = KeySet([key("idp").public]).to_dict()

# The example of contract section 5, with the values of our tests; it must load as it stands.
CONTRACT = f"""\
issuer: {RAS}
accepted_audiences: []
trusted_issuers:
  - issuer: {IDP}
    profiles: [id-jag]
    jwks_uri: null
    algorithms: [ES256, RS256]
    reuse: never
    max_lifetime: 10m
    tenants: []
    scope_ceiling: null
    default_scopes: []
    subject: {{by: [iss_sub, aud_sub, email], email_domains: [acme.example], jit: false}}
    sub_id_issuers: []
    may_assert_act: false
    expires: null
    status: active
    keys: {json.dumps(JWKS)}
clients:
  - client_id: {CLIENT}
    auth: {{method: client_secret, secret: "env:WIKI_CHAT_SECRET"}}
    scopes: [chat.read, chat.history]
    issuers: ["{IDP}"]
    tenant: null
resources:
  - {{uri: "{API}", scopes: [chat.read, chat.history, chat.write], key_bound: false}}
default_resource: "{API}"
access_token: {{lifetime: 15m, alg: ES256}}
accounts:
  - {{id: u-1, email: alice@acme.example, tenant: null,
     links: [{{issuer: "{IDP}", sub: "{ALICE}"}}], status: active}}
receipts: null
database_url: sqlite:///ras.db
kek_file: null
"""


def write(folder: Path, text: str = CONTRACT) -> Path:
    path = folder / "ras.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(folder: Path, old: str, new: str) -> Path:
    assert CONTRACT.count(old) == 1, old
    return write(folder, CONTRACT.replace(old, new))


def test_the_example_of_the_contract_loads(tmp_path: Path) -> None:
    """ADM-05, Contract section 5."""
    loaded = load(write(tmp_path), ENVIRON)
    [trusted] = loaded.config.trusted_issuers
    assert (trusted.issuer, trusted.max_lifetime, trusted.subject.by) == (
        IDP,
        600,
        ("iss_sub", "aud_sub", "email"),
    )
    assert loaded.config.access_token_lifetime == 900
    assert loaded.database == tmp_path / "ras.db"
    assert loaded.links == {Link(IDP, "", ALICE): "u-1"}
    assert SECRET not in repr(loaded)


def test_the_program_of_the_file_redeems(tmp_path: Path) -> None:
    """The whole wiring over a real database, and again after a restart."""
    loaded = load(write(tmp_path), ENVIRON)
    for _ in range(2):
        with build(loaded, clock=lambda: NOW) as built:
            reply = built.ras.token(request({"assertion": grant()}))
            assert reply.status == 200, body(reply)
            assert built.ras.token(request(authorization=basic(secret="wrong"))).status == 401
    assert (tmp_path / "ras.db.kek").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ras.db").stat().st_mode & 0o777 == 0o600


def test_a_lost_key_encryption_key_stops_the_start(tmp_path: Path) -> None:
    """Architecture section 7: never new keys for an old database."""
    loaded = load(write(tmp_path), ENVIRON)
    build(loaded).close()
    kek = tmp_path / "ras.db.kek"
    kept = kek.read_text()
    kek.unlink()
    with pytest.raises(KekRefused, match="does not exist"):
        build(loaded).close()
    kek.write_text(kept[:62][::-1] + kept[62:])
    kek.chmod(0o600)
    with pytest.raises(KekRefused, match="not the key-encryption key of this database"):
        build(loaded).close()
    kek.write_text(kept)
    build(loaded).close()


@pytest.mark.parametrize("secret", ["short", "long enough, but with an \u00e9"])
def test_a_secret_that_could_be_guessed_or_misread_is_refused(tmp_path: Path, secret: str) -> None:
    """Attack case 36: and the message does not repeat it."""
    with pytest.raises(FileError, match="printable ASCII of at least 16 characters") as refusal:
        load(write(tmp_path), {"WIKI_CHAT_SECRET": secret})
    assert secret not in str(refusal.value)


AUTH = '{method: client_secret, secret: "env:WIKI_CHAT_SECRET"}'
NAME_ID = '{format: saml-nameid, issuer: "https://saml.acme.example/metadata", nameid: alice}'
WRONG = [
    ("status: active\n    keys", "colour: red\n    keys", r"ras.yaml:17:5: .*colour: unknown field"),
    (
        "receipts: null",
        "receipts: {key_file: x}",
        r"ras.yaml:32:22: .*/x: no such file or directory",
    ),
    ("receipts: null", "receipts: {key_file: ras.yaml}", r"ras.yaml holds no key: openssl genpkey"),
    ("receipts: null", "receipts: {}", r"receipts.key_file"),
    ("receipts: null", "receipts: {key_file: x, every: 5m}", r"receipts.every: unknown field"),
    ("max_lifetime: 10m", "max_lifetime: 2h", r"max_lifetime must be 1 to 3600 seconds"),
    ("max_lifetime: 10m", "max_lifetime: 10", r"ras.yaml:9:\d+: .*a duration is a whole number"),
    ("algorithms: [ES256, RS256]", "algorithms: [HS256]", r"algorithms"),
    ("algorithms: [ES256, RS256]", "algorithms: [none]", r"algorithms"),
    ("reuse: never", "reuse: always", r"reuse"),
    ("email_domains: [acme.example]", "email_domains: []", r"needs email_domains"),
    ("email_domains: [acme.example]", "email_domains: [Acme.example]", r"lower case"),
    ("by: [iss_sub,", "by: [iss_sub, iss_sub,", r"each strategy once"),
    (f'issuers: ["{IDP}"]', f'issuers: ["{IDP}/"]', r"not among trusted_issuers"),
    (f'issuers: ["{IDP}"]', "issuers: []", r"name at least one"),
    (f"issuer: {RAS}\n", "issuer: http://acme.chat.example/\n", r"https URL"),
    (f"issuer: {RAS}\n", f"issuer: {IDP}\n", r"own issuer"),
    (f'default_resource: "{API}"', 'default_resource: "https://x.example/"', r"not among the resources"),
    (f'uri: "{API}"', f'uri: "{API}#x"', r"without a fragment"),
    ("scopes: [chat.read, chat.history]\n", 'scopes: ["chat read"]\n', r"a scope is printable"),
    ("lifetime: 15m", "lifetime: 3d", r"access_token lifetime must be"),
    ("env:WIKI_CHAT_SECRET", "env:NOT_SET", r"ras.yaml:21:\d+: .*this variable is not set"),
    ("profiles: [id-jag]", "profiles: []", r"profiles"),
    ("profiles: [id-jag]", "profiles: [id-jag, id-jag]", r"listed twice"),
    ("by: [iss_sub,", "by: [sub_id, iss_sub,", r"needs sub_id_issuers"),
    ("sub_id_issuers: []", 'sub_id_issuers: ["with space"]', r"no spaces"),
    ("jit: false}", 'jit: false, joins: ["https://x.example"]}', r"not among trusted_issuers"),
    ("tenants: []", "tenants: [a, a]", r"listed twice"),
    ("tenants: []", "tenants: [a, b]", r"a subject of its own"),
    ("tenants: []", "tenants: [a]", r"ras.yaml:\d+:\d+: .*name a tenant of the issuer"),
    (f'issuers: ["{IDP}"]', f'issuers: [{{issuer: "{IDP}", tenant: a}}]', r"not among the tenants"),
    (f'issuer: "{IDP}", sub: "{ALICE}"', f'issuer: "{IDP}", tenant: a, sub: "{ALICE}"', r"has no tenants"),
    ("scopes: [chat.read, chat.history]\n", "scopes: []\n    require: {amr: [mfa]}\n", r"needs require.acr"),
    ("key_bound: false", "key_bound: false, require: {acr: []}", r"acr"),
    ("access_token:", "dpop: {nonce: maybe}\naccess_token:", r"nonce"),
    (AUTH, '{method: none, secret: "env:WIKI_CHAT_SECRET"}', r"none has no credentials here"),
    (AUTH, '{method: private_key_jwt, jwks_uri: "http://x.example/jwks"}', r"https URL"),
    (AUTH, "{method: client_id_metadata_document}", r"the client_id of a metadata document must"),
    (
        "status: active}\nreceipts",
        f"status: active, sub_ids: [{NAME_ID}, {NAME_ID}]}}\nreceipts",
        r"u-1 has this NameID already",
    ),
    (
        "status: active}\nreceipts",
        f"status: active, sub_ids: [{NAME_ID[:-1]}, nameid_format: "
        '"urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}]}\nreceipts',
        r"transient NameID finds nobody",
    ),
    ("env:WIKI_CHAT_SECRET", "a-literal-secret-of-some-length", r"loopback issuer alone"),
    ("method: client_secret,", "method: private_key_jwt,", r"private_key_jwt needs jwks"),
    ("status: active}", "status: gone}", r"status"),
    ("trusted_issuers:", "issuer: https://x.example\ntrusted_issuers:", r"issuer"),
    ("expires: null", "expires: tomorrow", r"a time is written like"),
    (f'sub: "{ALICE}"', f'sub: "{ALICE}"}}, {{issuer: "https://x.example", sub: "y"', r"not among trusted"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Contract section 5: strict, with line and column."""
    with pytest.raises((FileError, FileErrors), match=message) as refusal:
        load(changed(tmp_path, old, new), ENVIRON)
    assert "ras.yaml:" in str(refusal.value)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "keys",
    [
        '{"keys": []}',
        '{"keys": [{"kty": "oct", "k": "AAAA"}]}',
        '[{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]',
        '"nonsense"',
    ],
)
def test_pinned_keys_must_be_usable(tmp_path: Path, keys: str) -> None:
    """Attack cases 36 and 128."""
    with pytest.raises(FileErrors, match=r"not usable|not a JWK Set"):
        load(changed(tmp_path, f"keys: {json.dumps(JWKS)}", f"keys: {keys}"), ENVIRON)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"IDJAG_OUTBOUND_ALOW": "x"}, "unknown settings: IDJAG_OUTBOUND_ALOW"),
        ({"IDJAG_OUTBOUND_ALLOW": "a b/"}, "IDJAG_OUTBOUND_ALLOW"),
        ({"IDJAG_TRUSTED_PROXIES": "proxy"}, "neither an address nor a network"),
        ({"IDJAG_LOG_LEVEL": "loud"}, "IDJAG_LOG_LEVEL must be one of"),
        ({"IDJAG_LOG_FORMAT": "xml"}, "IDJAG_LOG_FORMAT must be one of"),
        ({"IDJAG_OUTBOUND_PROXY": "https://p"}, "IDJAG_OUTBOUND_PROXY must be http://host:port"),
        ({"IDJAG_METRICS": "on"}, "not built"),
        ({"IDJAG_DATABASE_URL": "postgresql://db/ras"}, "here ras.yaml and the flags say it"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    """Contract section 3."""
    with pytest.raises(SettingsWrong, match=message):
        load(write(tmp_path), ENVIRON | environ)


def test_another_algorithm_gets_a_key_and_the_old_one_stays_published(tmp_path: Path) -> None:
    """MET-09: tokens that are out there still verify."""
    with build(load(write(tmp_path), ENVIRON)) as built:
        [old] = built.ras.signer.public().keys
    with build(load(changed(tmp_path, "alg: ES256", "alg: RS256"), ENVIRON)) as built:
        new, still = built.ras.signer.public().keys
    assert (new.alg, still.kid) == ("RS256", old.kid)


LIGHT = """
import sys
import idjag.ras, idjag.ras.config, idjag.ras.standalone
heavy = {"litestar", "sqlmodel", "sqlalchemy", "uvicorn", "jinja2", "yaml", "pydantic", "psycopg"}
print(sorted(heavy & sys.modules.keys()), "idjag.ledger" in sys.modules, "sqlite3" in sys.modules)
"""


def test_embedding_is_light() -> None:
    """Architecture section 2: what `import idjag.ras` loads."""
    result = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[] False False"


# Named in the decisions: 0022 (joins, sub_ids, sub_id_match), 0023 (who asks about tokens), and what RAS-45,
# DPOP-15 and RAS-31 need a place for.
ADDED = {
    *("joins", "sub_id_match", "sub_ids"),
    *("introspection", "global_token_revocation"),
    *("require", "dpop"),
    *("origins", "issuer_lookup"),
}


def test_the_contract_example_has_every_field_that_the_file_knows() -> None:
    """Nothing is accepted that neither the contract nor a decision names."""
    from idjag.ras import config_file

    def fields(model: Any) -> set[str]:
        return set(model.model_fields)

    names = fields(config_file.RasFile) | fields(config_file.IssuerEntry) | fields(config_file.ClientEntry)
    names |= fields(config_file.AccountEntry) | fields(config_file.SubjectEntry)
    assert {name for name in names if f"{name}:" not in CONTRACT} == ADDED
