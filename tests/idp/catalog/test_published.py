"""Apps that publish what they are: documents at their client_id, keys at their jwks_uri."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp import catalog
from idjag.idp.catalog import AppEntry
from idjag.idp.catalog.app import app_row_problems
from idjag.protocol.jose import PrivateKey
from tests.idp.catalog.parts import APP, REFS, refusal

URL = "https://wiki.example/app.json"
DOCUMENT: dict[str, Any] = {
    "client_id": URL,
    "auth": {"method": "client_id_metadata_document"},
    "redirect_uris": [],
}
ITS, ADDRESS = (
    "the client_id of an app with a metadata document",
    "a client_id that is an address is that of a metadata document",
)
JWK = PrivateKey.generate("ES256", kid="k1").public.to_dict()


def by_keys(**auth: Any) -> dict[str, Any]:
    return {"auth": {"method": "private_key_jwt", **auth}}


def row(**changes: Any) -> dict[str, Any]:
    columns = catalog.app_columns(AppEntry.model_validate({**APP, **changes}), REFS)
    return {"id": "a-wiki", **columns}


def test_an_app_may_be_the_address_of_its_document() -> None:
    """CAU-13: the administrator names it; the positive control of this file."""
    model = catalog.app_model(row(**DOCUMENT))
    assert (model.client_id, model.by_document) == (URL, True)
    assert catalog.app_entry(row(**DOCUMENT), REFS)["auth"] == {"method": "client_id_metadata_document"}
    assert not catalog.app_model(row()).by_document


def test_keys_may_be_somewhere_else() -> None:
    """CAU-06."""
    there = row(**by_keys(jwks_uri="https://wiki.example/jwks"))
    auth = {"method": "private_key_jwt", "jwks_uri": "https://wiki.example/jwks"}
    assert catalog.app_entry(there, REFS)["auth"] == auth


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (by_keys(), "auth: private_key_jwt needs jwks or jwks_uri, and not both"),
        (
            by_keys(jwks={"keys": [JWK]}, jwks_uri="https://a.example/jwks"),
            "auth: private_key_jwt needs jwks or jwks_uri, and not both",
        ),
        (
            {"auth": {"method": "client_secret", "jwks_uri": "https://a.example/jwks"}},
            "auth: jwks_uri is for private_key_jwt and self_signed_tls_client_auth, not for client_secret",
        ),
        (by_keys(jwks_uri="http://a.example/jwks"), "auth.jwks_uri: keys are fetched over https"),
        (by_keys(jwks_uri="https://u:pw@a.example/jwks"), "auth.jwks_uri: a URL that is fetched must not"),
        (by_keys(jwks_uri="https://a.example/jwks#k"), "auth.jwks_uri: a URL that is fetched must not"),
        (by_keys(jwks_uri="https://127.1/jwks"), "auth.jwks_uri: the host looks like an IP address"),
        (by_keys(jwks_uri="file:///etc/passwd"), "auth.jwks_uri: a URL must begin with https://"),
        (by_keys(jwks_uri=""), "auth.jwks_uri: a URL must be"),
        ({"client_id": URL}, ADDRESS),
        ({"client_id": "HTTPS://x"}, ADDRESS),
        ({"client_id": "http://127.0.0.1/a"}, ADDRESS),
        (DOCUMENT | {"client_id": None}, f"{ITS} must be an absolute"),
        (DOCUMENT | {"client_id": "wiki"}, f"{ITS} must be an absolute"),
        (DOCUMENT | {"client_id": "https://wiki.example"}, f"{ITS} must h"),
        (DOCUMENT | {"client_id": f"{URL}#f"}, f"{ITS} must be"),
        (DOCUMENT | {"client_id": "https://w.example/%2e/a"}, f"{ITS} must"),
        (DOCUMENT | {"client_id": "http://w.example/a"}, f"{ITS} must begin"),
        (DOCUMENT | {"client_id": "https://w_1.example/a"}, f"{ITS} cannot"),
    ],
)
def test_one_thing_changed_is_refused(change: dict[str, Any], problem: str) -> None:
    """CAU-06, CAU-10."""
    assert refusal(AppEntry, {**APP, **change}).startswith(problem)


@pytest.mark.parametrize("name", ["secret", "jwks", "jwks_uri"])
def test_a_document_is_all_that_says_how_the_app_authenticates(name: str) -> None:
    """CAU-12: no secret beside it, and no second set of keys."""
    value = {"secret": "env:X", "jwks": {"keys": [JWK]}, "jwks_uri": "https://wiki.example/jwks"}[name]
    auth = {"method": "client_id_metadata_document", name: value}
    assert refusal(AppEntry, {**APP, **DOCUMENT, "auth": auth}).startswith("auth: ")


def test_pairwise_subs_of_an_app_without_a_list_have_the_host_of_its_address() -> None:
    """OIDC Core section 8.1: its document may name redirect URIs on its own origin alone."""
    entry = AppEntry.model_validate({**APP, **DOCUMENT, "subject_type": "pairwise"})
    assert entry.sector == "wiki.example"
    listed = AppEntry.model_validate({**APP, **DOCUMENT, "redirect_uris": ["https://other.example/cb"]})
    assert listed.model_copy(update={"subject_type": "pairwise"}).sector == "other.example"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (DOCUMENT | {"client_id": "http://127.0.0.1:9000/app.json"}, ("client_id",)),
        (by_keys(jwks_uri="https://localhost:9000/jwks"), ("auth", "jwks_uri")),
    ],
)
def test_loopback_is_for_an_issuer_on_loopback(change: dict[str, Any], place: tuple[str, ...]) -> None:
    """CAU-11: said when it is applied, and not only when it is fetched."""
    here = row(**change)
    assert [found[0] for found in app_row_problems(here, issuers=["https://idp.example"])] == [place]
    assert list(app_row_problems(here, issuers=["http://127.0.0.1:8700"])) == []
    assert list(app_row_problems(here, issuers=[])) == []
    assert list(app_row_problems(row(**DOCUMENT), issuers=["https://idp.example"])) == []
