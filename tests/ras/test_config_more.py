"""ras.yaml beyond the example of the contract: each thing it may say is carried out by the program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol.http import Reply
from idjag.protocol.jose import KeySet, jws
from idjag.protocol.sub_id import SamlNameId, claim_of
from idjag.ras.config import Standalone, build, load
from idjag.ras.places import PostgresUrl
from idjag.ras.step_up import Requirement
from idjag.yaml_file import FileError
from tests.proofs import jkt, proof
from tests.ras.test_config import CONTRACT, ENVIRON, changed, write
from tests.ras.test_generic_grants import generic
from tests.ras.world import API, CLIENT, FILES, IDP, NOW, OTHER_IDP, RAS, basic, body, grant, key, request

OTHER_JWKS = KeySet([key("other").public]).to_dict()
SAML = "https://saml.acme.example/metadata"
BOUND = {"cnf": {"jkt": jkt()}}


@contextmanager
def serving(folder: Path, *changes: tuple[str, str]) -> Iterator[Standalone]:
    """The program of the example with these texts replaced."""
    text = CONTRACT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    with build(load(write(folder, text), ENVIRON), clock=lambda: NOW) as built:
        yield built


def bring(built: Standalone, assertion: str, sent: str | None = None, /, **form: Any) -> Reply:
    """A grant, by the client with a secret unless ``form`` names another one."""
    public = "client_id" in form
    made = request({"assertion": assertion} | form, authorization=None if public else basic())
    proofs = () if sent is None else ((b"dpop", sent.encode()),)
    headers = (*made.headers, *proofs)
    return built.ras.token(request({"assertion": assertion} | form, headers=headers))


def claims_of(built: Standalone, reply: Reply) -> dict[str, Any]:
    assert reply.status == 200, body(reply)
    text = body(reply)["access_token"]
    return dict(jws.verify(text, keys=built.ras.signer.public(), algorithms=["ES256"]))


def error(reply: Reply) -> str:
    return str(body(reply)["error"])


def test_generic_grants_are_a_switch(tmp_path: Path) -> None:
    """RAS-46: ``profiles``."""
    with serving(tmp_path, ("profiles: [id-jag]", "profiles: [jwt-bearer]")) as built:
        assert bring(built, generic(scope="chat.read")).status == 200
        assert error(bring(built, grant())) == "invalid_grant"


def test_actors_are_a_switch(tmp_path: Path) -> None:
    """RAS-41: ``may_assert_act``."""
    with serving(tmp_path, ("may_assert_act: false", "may_assert_act: true")) as built:
        token = claims_of(built, bring(built, grant(act={"sub": "agent-1"})))
        assert token["act"] == {"iss": IDP, "sub": "agent-1"}


def test_a_resource_may_take_bound_tokens_alone(tmp_path: Path) -> None:
    """DPOP-11: ``key_bound``."""
    with serving(tmp_path, ("key_bound: false", "key_bound: true")) as built:
        assert error(bring(built, grant())) == "invalid_grant"
        token = claims_of(built, bring(built, grant(), proof(f"{RAS}token", now=NOW)))
        assert token["cnf"] == {"jkt": jkt()}


def test_a_client_may_have_no_credentials(tmp_path: Path) -> None:
    """RAS-04: ``auth: {method: none}``."""
    auth = '{method: client_secret, secret: "env:WIKI_CHAT_SECRET"}'
    with serving(tmp_path, (auth, "{method: none}")) as built:
        public = {"client_id": CLIENT}
        reply = bring(built, grant(**BOUND), proof(f"{RAS}token", now=NOW), **public)
        assert claims_of(built, reply)["cnf"] == {"jkt": jkt()}
        assert error(bring(built, grant(), **public)) == "unauthorized_client"


def test_people_may_be_known_by_saml(tmp_path: Path) -> None:
    """SAML-14, SAML-16: ``sub_id_issuers``, ``sub_id`` in ``by``, and ``sub_ids`` of an account."""
    name_id = SamlNameId(SAML, "erin", sp_name_qualifier="https://chat.example/saml")
    account = f"  - {{id: u-2, sub_ids: [{json.dumps(claim_of(name_id))}]}}\n"
    changes = [
        ("by: [iss_sub, aud_sub, email]", "by: [iss_sub, sub_id]"),
        ("sub_id_issuers: []", f'sub_id_issuers: ["{SAML}"]'),
        ("receipts:", f"{account}receipts:"),
    ]
    with serving(tmp_path, *changes) as built:
        found = bring(built, grant(sub="erin", sub_id=claim_of(name_id)))
        assert claims_of(built, found)["sub"] == "u-2"
        other = claim_of(SamlNameId(SAML, "erin"))
        assert error(bring(built, grant(sub="other", sub_id=other))) == "access_denied"
    by_name = ("jit: false", "jit: false, sub_id_match: nameid")
    with serving(tmp_path, *changes, by_name) as built:
        assert claims_of(built, bring(built, grant(sub="erin", sub_id=other)))["sub"] == "u-2"


def test_an_account_may_have_a_ceiling(tmp_path: Path) -> None:
    """RAS-31: ``scopes`` of an account."""
    with serving(tmp_path, ("tenant: null,\n     links", "scopes: [chat.history],\n     links")) as built:
        assert claims_of(built, bring(built, grant()))["scope"] == "chat.history"
        assert error(bring(built, grant(scope="chat.read"))) == "invalid_scope"


def test_each_tenant_of_an_issuer_may_have_rules_of_its_own(tmp_path: Path) -> None:
    """TEN-08, TEN-10: ``tenants`` with a ``subject``, and clients tied to one of them."""
    rules = "{by: [iss_sub, email], email_domains: [%s.example], jit: true}"
    two = [f"{{tenant: {name[0]}, subject: {rules % name}}}" for name in ("acme", "globex")]
    changes = [
        ("tenants: []", f"tenants: [{', '.join(two)}]"),
        ("by: [iss_sub, aud_sub, email], email_domains: [acme.example]", "by: [iss_sub]"),
        (f'issuer: "{IDP}", sub', f'issuer: "{IDP}", tenant: a, sub'),
        (f'issuers: ["{IDP}"]', f'issuers: [{{issuer: "{IDP}", tenant: a}}]'),
    ]
    with serving(tmp_path, *changes) as built:
        assert claims_of(built, bring(built, grant(tenant="a")))["sub"] == "u-1"
        mail = {"email": "x@acme.example", "email_verified": True}
        assert bring(built, grant(sub="x", tenant="a", **mail)).status == 200
        assert error(bring(built, grant(sub="x", tenant="g", **mail))) == "invalid_grant"


def test_two_issuers_of_one_domain_must_be_told(tmp_path: Path) -> None:
    """RAS-24, decision 0022: ``joins``."""
    second = f"""\
  - issuer: {OTHER_IDP}
    keys: {json.dumps(OTHER_JWKS)}
    subject: {{by: [iss_sub, email], email_domains: [acme.example]%s}}
"""
    both = [
        ("by: [iss_sub, aud_sub, email]", "by: [iss_sub, email]"),
        (f'issuers: ["{IDP}"]', f'issuers: ["{IDP}", "{OTHER_IDP}"]'),
    ]
    untold = (*both, ("clients:\n", f"{second % ''}clients:\n"))
    with (
        pytest.raises(FileError, match=r"both claim email_domains acme\.example.*subject\.joins"),
        serving(tmp_path, *untold),
    ):
        raise AssertionError("unreachable")
    joins = f', joins: ["{IDP}"]'
    with serving(tmp_path, *both, ("clients:\n", f"{second % joins}clients:\n")) as built:
        assert bring(built, grant()).status == 200
        mail = {"email": "alice@acme.example", "email_verified": True}
        moved = grant(key("other"), iss=OTHER_IDP, sub="alice-there", **mail)
        assert claims_of(built, bring(built, moved))["sub"] == "u-1"


def test_a_better_sign_in_may_be_demanded(tmp_path: Path) -> None:
    """RAS-45: ``require`` of resources and clients."""
    demand = "require: {acr: [loa3], amr: [mfa], max_auth_age: 8h}"
    with serving(tmp_path, ("key_bound: false", demand)) as built:
        [resource] = built.ras.config.resources
        assert resource.require == Requirement(("loa3",), frozenset({"mfa"}), 8 * 3600)
        assert body(bring(built, grant()))["acr_values"] == "loa3"
        assert bring(built, grant(acr="loa3", amr=["pwd", "mfa"])).status == 200
    fresh = ("    tenant: null\nresources", "    require: {max_auth_age: 30s}\nresources")
    with serving(tmp_path, fresh) as built:
        assert body(bring(built, grant()))["max_age"] == 30


def test_a_token_may_be_for_one_resource_alone(tmp_path: Path) -> None:
    """Decision 0022: ``access_token.one_resource``."""
    more = ("default_resource:", f'  - {{uri: "{FILES}", scopes: [chat.read]}}\ndefault_resource:')
    two = {"resource": [API, FILES], "scope": "chat.read"}
    with serving(tmp_path, more) as built:
        assert claims_of(built, bring(built, grant(**two)))["aud"] == [API, FILES]
    with serving(tmp_path, more, ("alg: ES256}", "alg: ES256, one_resource: true}")) as built:
        assert error(bring(built, grant(**two))) == "invalid_target"


def test_keys_of_a_client_may_be_elsewhere(tmp_path: Path) -> None:
    """CAU-06: ``jwks_uri``, and a metadata document; where they are is not asked at the start."""
    auth = '{method: client_secret, secret: "env:WIKI_CHAT_SECRET"}'
    uri = "https://wiki.example/jwks"
    with serving(tmp_path, (auth, f'{{method: private_key_jwt, jwks_uri: "{uri}"}}')) as built:
        [client] = built.ras.config.clients
        assert client.registration is not None
        assert (client.registration.jwks_uri, client.registration.published) == (uri, True)
    document = "https://wiki.example/app.json"
    by_document = (auth, "{method: client_id_metadata_document}")
    with serving(tmp_path, by_document, (f"client_id: {CLIENT}", f"client_id: {document}")) as built:
        [client] = built.ras.config.clients
        assert client.registration is not None
        assert client.registration.published


SHARED = "postgresql://idjag@db.example/ras"
DATABASES = [
    ("sqlite:///ras.db\nkek_file: null", f"{SHARED}\nkek_file: kek", None),
    ("sqlite:///ras.db", SHARED, "PostgreSQL needs kek_file"),
    (
        "sqlite:///ras.db\nkek_file: null",
        "mysql://db.example/ras\nkek_file: kek",
        "write sqlite:///PATH or postgresql",
    ),
    (
        "sqlite:///ras.db\nkek_file: null",
        "postgresql://idjag:hunter2hunter2@db.example/ras\nkek_file: kek",
        "no password in this file",
    ),
]


@pytest.mark.parametrize(("old", "new", "words"), DATABASES)
def test_a_database_of_several_servers_is_named_with_its_key(
    tmp_path: Path, old: str, new: str, words: str | None
) -> None:
    """Architecture section 7: PostgreSQL requires a key to be given; the file holds no secret."""
    if words is None:
        loaded = load(changed(tmp_path, old, new), ENVIRON)
        assert (loaded.database, loaded.kek_file) == (PostgresUrl(SHARED), tmp_path / "kek")
        assert "db.example" not in repr(loaded)
        return
    with pytest.raises(FileError, match=words) as refusal:
        load(changed(tmp_path, old, new), ENVIRON)
    assert "hunter2" not in str(refusal.value)
