"""Every noun's shape: the valid entry, and one thing changed at a time."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from idjag.idp.catalog import (
    AppEntry,
    ConnectionEntry,
    GroupEntry,
    GuardrailEntry,
    ResourceAppEntry,
    RuleEntry,
    UserEntry,
)
from idjag.protocol.jose import PrivateKey
from tests.idp.catalog.parts import APP, CONNECTION, GUARDRAIL, RESOURCE_APP, RULE, USER, refusal

NOUNS: list[tuple[type[pydantic.BaseModel], dict[str, Any]]] = [
    (UserEntry, USER),
    (GroupEntry, {"name": "engineering"}),
    (AppEntry, APP),
    (ResourceAppEntry, RESOURCE_APP),
    (ConnectionEntry, CONNECTION),
    (RuleEntry, RULE),
    (GuardrailEntry, GUARDRAIL),
]
JWK = PrivateKey.generate("ES256", kid="k1").public.to_dict()


@pytest.mark.parametrize(("model", "entry"), NOUNS)
def test_the_valid_entry_is_taken(model: type[pydantic.BaseModel], entry: dict[str, Any]) -> None:
    """Positive control of everything below."""
    model.model_validate(entry)


@pytest.mark.parametrize(("model", "entry"), NOUNS)
def test_an_unknown_field_is_refused(model: type[pydantic.BaseModel], entry: dict[str, Any]) -> None:
    """Attack case 186: nothing rides along."""
    assert refusal(model, {**entry, "is_admin": True}).startswith("is_admin: Extra")


@pytest.mark.parametrize(("model", "entry"), NOUNS)
@pytest.mark.parametrize(
    "name", ["tenant_id", "managed_by", "created", "epoch", "secrets", "row", "__class__"]
)
def test_no_column_can_be_written_as_a_field(
    model: type[pydantic.BaseModel], entry: dict[str, Any], name: str
) -> None:
    assert refusal(model, {**entry, name: "x"}).startswith(f"{name}: Extra")


@pytest.mark.parametrize(
    ("model", "entry", "field"),
    [
        (UserEntry, USER, "email_verified"),
        (ResourceAppEntry, RESOURCE_APP, "resource_required"),
        (ResourceAppEntry, RESOURCE_APP, "multi_tenant"),
    ],
)
@pytest.mark.parametrize("value", ["true", "yes", 1, 0, None])
def test_nothing_is_converted_to_a_boolean(
    model: type[pydantic.BaseModel], entry: dict[str, Any], field: str, value: object
) -> None:
    assert refusal(model, {**entry, field: value}).startswith(field)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"username": "a b"}, "username: a user name is 1 to 200 characters"),
        ({"username": ""}, "username: a user name"),
        ({"username": "a\u202eb"}, "username: a user name"),
        ({"username": "x" * 201}, "username: a user name"),
        ({"sub": ""}, "sub: a sub is 1 to 255"),
        ({"sub": "x" * 256}, "sub: a sub is"),
        ({"sub": "é"}, "sub: a sub is"),
        ({"pairwise_subs": {"Chat.Example": "x"}}, "pairwise_subs.Chat.Example.[key]: a sector is a host"),
        ({"email": "nobody"}, "email: not an email address"),
        ({"email": None, "email_verified": True}, "email_verified says nothing without email"),
        ({"groups": ["a", "a"]}, "groups: listed twice: a"),
        ({"attributes": {"chat_id": ""}}, "attributes.chat_id: an attribute is 1 to 255"),
        ({"attributes": {"chat_id": 7}}, "attributes.chat_id: Input should be a valid string"),
        ({"attributes": {"a b": "x"}}, "attributes.a b.[key]: an id is"),
        ({"attributes": {f"a{n}": "x" for n in range(65)}}, "attributes: at most 64"),
        ({"status": "locked"}, "status: Input should be 'active' or 'disabled'"),
        ({"password": ""}, "password: write env:NAME"),
        ({"name": "a\x00b"}, "name: no control characters"),
    ],
)
def test_a_person_is_refused_for_one_thing(change: dict[str, Any], problem: str) -> None:
    assert refusal(UserEntry, {**USER, **change}).startswith(problem)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"client_id": "a b"}, "client_id: a client id is"),
        ({"client_id": ""}, "client_id: a client id is"),
        ({"kind": "robot"}, "kind: Input should be"),
        ({"redirect_uris": []}, "authorization_code needs redirect_uris"),
        ({"redirect_uris": ["https://a.example/", "https://a.example/"]}, "redirect_uris: listed twice"),
        ({"redirect_uris": [f"https://a.example/{n}" for n in range(51)]}, "redirect_uris: at most 50"),
        ({"redirect_uris": ["com.example.wiki:/cb"]}, "a redirect URI with a scheme of its own is for"),
        ({"auth": {"method": "magic"}}, "auth.method: Input should be"),
        ({"auth": {"method": "none", "secret": "env:X"}}, "auth: none takes no secret"),
        ({"auth": {"method": "none"}}, "token_exchange is for apps that authenticate"),
        ({"auth": {"method": "private_key_jwt"}}, "auth: private_key_jwt needs jwks"),
        (
            {"auth": {"jwks": {"keys": [JWK]}}},
            "auth: jwks is for private_key_jwt and self_signed_tls_client_auth, not for client_secret",
        ),
        ({"auth": {"method": "client_secret", "password": "x"}}, "auth.password: Extra"),
        ({"grants": ["implicit"]}, "grants.0: write one of authorization_code, refresh_token"),
        ({"grants": ["token_exchange", "token_exchange"]}, "grants: listed twice"),
        ({"scopes": ["openid", "admin"]}, "scopes.1: write one of openid, profile, email"),
        ({"scopes": ["profile"]}, "authorization_code needs the scope openid"),
        ({"scopes": ["openid", "offline_access"]}, "the grant refresh_token and the scope offline_access"),
        (
            {"grants": ["authorization_code", "refresh_token"]},
            "the grant refresh_token and the scope offline_access come together",
        ),
        (
            {"grants": ["refresh_token"], "scopes": ["openid", "offline_access"]},
            "refresh_token needs authorization_code",
        ),
        ({"subject_type": "transient"}, "subject_type: Input should be"),
        (
            {"sector_identifier_uri": "https://a.example/"},
            "sector_identifier_uri is for subject_type pairwise",
        ),
        ({"id_token_alg": "HS256"}, "id_token_alg: Input should be"),
        ({"id_token_alg": "none"}, "id_token_alg: Input should be"),
        ({"assigned": {}}, "assigned: names nobody"),
        ({"assigned": {"groups": []}}, "assigned.groups: an empty list"),
        ({"assigned": {"everyone": True, "groups": ["a"]}}, "assigned: everyone already includes"),
        ({"assigned": {"everyone": True, "except": {}}}, "assigned.except: name groups or users"),
        ({"status": "paused"}, "status: Input should be"),
    ],
)
def test_an_app_is_refused_for_one_thing(change: dict[str, Any], problem: str) -> None:
    assert refusal(AppEntry, {**APP, **change}).startswith(problem)


def test_pairwise_needs_one_sector() -> None:
    """OIDC Core section 8.1."""
    pairwise = {**APP, "subject_type": "pairwise"}
    assert AppEntry.model_validate(pairwise).sector == "wiki.example"
    two = {**pairwise, "redirect_uris": ["https://a.example/", "https://b.example/"]}
    assert refusal(AppEntry, two).startswith("pairwise needs sector_identifier_uri")
    named = {**two, "sector_identifier_uri": "https://Sector.example/x"}
    assert AppEntry.model_validate(named).sector == "sector.example"


def test_a_native_app_may_come_back_by_its_own_scheme() -> None:
    native = {**APP, "kind": "native", "auth": {"method": "none"}, "grants": ["authorization_code"]}
    AppEntry.model_validate({**native, "redirect_uris": ["com.example.wiki:/callback"]})


def test_a_key_set_is_taken() -> None:
    AppEntry.model_validate({**APP, "auth": {"method": "private_key_jwt", "jwks": {"keys": [JWK]}}})


@pytest.mark.parametrize(
    ("jwks", "problem"),
    [
        ({"keys": []}, "the JWK Set has no key"),
        ({}, "write a JWK Set"),
        ([], "write a JWK Set"),
        ("https://a.example/jwks", "write a JWK Set"),
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}, "not usable: key 0"),
        ({"keys": [{**JWK, "d": "c2VjcmV0"}]}, "not usable: key 0"),
        ({"keys": [JWK, JWK]}, "not a usable JWK Set"),
        ({"keys": [{**JWK, "x": "AA"}]}, "not usable: key 0"),
        ({"keys": [{1: 2}]}, "not a usable JWK Set"),
    ],
)
def test_a_key_set_is_refused(jwks: object, problem: str) -> None:
    """Attack cases 36 and 128: no private, symmetric, weak or ambiguous key is registered."""
    auth = {"method": "private_key_jwt", "jwks": jwks}
    assert refusal(AppEntry, {**APP, "auth": auth}).startswith(f"auth.jwks: {problem}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"issuer": "http://chat.example"}, "issuer: an issuer is an https URL"),
        ({"aliases": ["chat"]}, "aliases.0: must be an absolute URI"),
        ({"aliases": ["https://acme.chat.example"]}, "an alias repeats the issuer"),
        ({"aliases": [f"urn:a:{n}" for n in range(33)]}, "aliases: at most 32"),
        ({"resources": [{"uri": "https://a.example/", "scopes": []}]}, "resources.0.scopes: an empty list"),
        (
            {"resources": [{"uri": "https://a.example"}, {"uri": "https://A.example:443/"}]},
            "resources: one resource in two spellings",
        ),
        ({"resources": [{"uri": f"https://a.example/{n}"} for n in range(33)]}, "resources: at most 32"),
        ({"scopes": ["chat.read"]}, "scopes are said for each resource"),
        ({"resources": [], "resource_required": True}, "resource_required needs resources"),
        ({"id_jag_alg": "HS256"}, "id_jag_alg: Input should be"),
        ({"lifetime": "61m"}, "lifetime: at most 1h"),
        ({"lifetime": 300}, "lifetime: a duration is"),
        ({"release": ["iss"]}, "release.0: write one of email, name"),
        ({"aud_sub": {"attribute": ""}}, "aud_sub.attribute: an id is"),
        ({"aud_sub": "chat_id"}, "aud_sub: Input should be a valid dictionary"),
        ({"aud_tenant": ""}, "aud_tenant: must not be empty"),
    ],
)
def test_a_resource_app_is_refused_for_one_thing(change: dict[str, Any], problem: str) -> None:
    assert refusal(ResourceAppEntry, {**RESOURCE_APP, **change}).startswith(problem)


def test_a_resource_app_without_resource_indicators_has_scopes_of_its_own() -> None:
    without = {name: value for name, value in RESOURCE_APP.items() if name != "resources"}
    entry = ResourceAppEntry.model_validate({**without, "scopes": ["chat.read"]})
    assert entry.scopes == ["chat.read"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"client_id": "a b"}, "client_id: a client id is"),
        ({"status": "disabled"}, "status: Input should be 'draft', 'active' or 'paused'"),
        ({"expires": "2027-06-30"}, "expires: a time is written like"),
        ({"expires": 1}, "expires: a time is written like"),
        ({"profile": "other"}, "profile: write id-jag"),
        ({"rules": [RULE, RULE]}, "rules: two rules have the id engineers-read"),
        ({"rules": [{**RULE, "id": f"r{n}"} for n in range(201)]}, "rules: at most 200"),
        ({"rules": None}, "rules: Input should be a valid list"),
        ({"owner": "x" * 501}, "owner: at most 500"),
    ],
)
def test_a_connection_is_refused_for_one_thing(change: dict[str, Any], problem: str) -> None:
    assert refusal(ConnectionEntry, {**CONNECTION, **change}).startswith(problem)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"who": {}}, "who: names nobody"),
        ({"who": {"everyone": False}}, "who: names nobody"),
        ({"who": {"users": []}}, "who.users: an empty list"),
        ({"who": {"except": {"users": ["bob"]}}}, "who: names nobody"),
        ({"scopes": []}, "scopes: an empty list"),
        ({"scopes": "all"}, "scopes: write any, or a list of scopes"),
        ({"scopes": None}, "scopes: write any"),
        ({"scopes": {"except": []}}, "scopes.except: an empty list"),
        ({"scopes": {"only": ["a"]}, "default_scopes": None}, "scopes"),
        ({"scopes": ["chat.read", "a b"]}, "scopes.1: a scope is"),
        ({"resources": []}, "resources: an empty list"),
        ({"resources": ["chat"]}, "resources.0: must be an absolute URI"),
        ({"default_scopes": []}, "default_scopes: an empty list"),
        ({"default_scopes": ["chat.write"]}, "default_scopes has what the rule does not allow: chat.write"),
        ({"lifetime": "2h"}, "lifetime: at most 1h"),
        ({"conditions": {"acr": []}}, "conditions.acr: an empty list"),
        ({"conditions": {"amr": []}}, "conditions.amr: an empty list"),
        ({"conditions": {"amr": ["a b"]}}, "conditions.amr.0: 1 to 200 printable"),
        ({"conditions": {"max_auth_age": "0s"}}, "conditions.max_auth_age: a duration is"),
        ({"conditions": {"networks": []}}, "conditions.networks: an empty list"),
        (
            {"conditions": {"networks": ["10.1.2.3/8"]}},
            "conditions.networks.0: has host bits set; write 10.0.0.0/8",
        ),
        ({"conditions": {"networks": ["office"]}}, "conditions.networks.0: a network is written like"),
        ({"conditions": {"signin_networks": ["999.0.0.0/8"]}}, "conditions.signin_networks.0: a network"),
        ({"conditions": {"key_bound": "yes"}}, "conditions.key_bound: Input should be a valid boolean"),
        ({"conditions": {"mood": "good"}}, "conditions.mood: Extra"),
    ],
)
def test_a_rule_is_refused_for_one_thing(change: dict[str, Any], problem: str) -> None:
    entry = {**RULE, **change}
    if change.get("scopes") == {"only": ["a"]}:
        with pytest.raises(pydantic.ValidationError):
            RuleEntry.model_validate(entry)
        return
    assert refusal(RuleEntry, entry).startswith(problem)


HOURS: dict[str, Any] = {"tz": "Europe/Berlin", "days": ["mon", "fri"], "from": "22:00", "to": "06:00"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tz": "Mars/Olympus"}, "tz: unknown time zone"),
        ({"tz": "../../etc/passwd"}, "tz: unknown time zone"),
        ({"tz": "/etc/passwd"}, "tz: unknown time zone"),
        ({"tz": "Europe"}, "tz: unknown time zone"),
        ({"days": []}, "days: an empty list"),
        ({"days": ["monday"]}, "days.0: Input should be"),
        ({"days": ["mon", "mon"]}, "days: listed twice: mon"),
        ({"from": 1320}, "from: a time of day is written with quotes"),
        ({"from": "8:00"}, "from: a time of day is written with quotes"),
        ({"from": "24:00"}, "the window has no length"),
        ({"to": "24:01"}, "to: a time of day is written with quotes"),
        ({"to": "22:00"}, "the window has no length"),
    ],
)
def test_hours_are_refused_for_one_thing(change: dict[str, Any], problem: str) -> None:
    def rule(hours: dict[str, Any]) -> dict[str, Any]:
        return {**RULE, "conditions": {"hours": hours}}

    RuleEntry.model_validate(rule(HOURS))
    place, _, text = (
        problem.rpartition(": ") if problem[0] in "tdf" and ": " in problem else ("", "", problem)
    )
    where = f"conditions.hours.{place}: " if place else "conditions.hours: "
    assert refusal(RuleEntry, rule({**HOURS, **change})).startswith(where + text)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"who": {}}, "who: names nobody"),
        ({"from": []}, "from: an empty list"),
        ({"to": []}, "to: an empty list"),
        ({"scopes": []}, "scopes: an empty list"),
        ({"scopes": "any"}, "scopes: Input should be a valid list"),
        ({"resources": []}, "resources: an empty list"),
        ({"resources": ["https://*.example/"]}, "resources.0: wildcards do not work"),
    ],
)
def test_a_guardrail_is_refused_for_one_thing(change: dict[str, Any], problem: str) -> None:
    assert refusal(GuardrailEntry, {**GUARDRAIL, **change}).startswith(problem)
