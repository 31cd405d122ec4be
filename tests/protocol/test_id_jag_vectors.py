"""The vectors of tests/vectors/id_jag.json, judged by the claims check alone and at the door of a RAS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from idjag.protocol import id_jag, names
from idjag.protocol.errors import Reason
from idjag.ras import (
    Account,
    Client,
    JwtSigner,
    KeySet,
    Link,
    MemoryStore,
    NoKeys,
    PrivateKey,
    Ras,
    RasConfig,
    Registration,
    Resource,
    SubjectRules,
    TokenRequest,
    TrustedIssuer,
    hash_secret,
)
from tests.protocol.parts import OUT, reason_of, signed

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "id_jag.json").read_text(encoding="utf-8"))
CASES = [pytest.param(case, id=case["name"]) for case in VECTORS["cases"]]
BEFORE_THE_CLAIMS = {"assertion_invalid", "assertion_type", "issuer_not_trusted", "signature_invalid"}
# The claims are right; what is missing is beside the grant.
AFTER_THE_CLAIMS = {"confirmation_missing"}
CLAIMS_CASES = [
    pytest.param(case, id=case["name"])
    for case in VECTORS["cases"]
    if case["expected"] not in BEFORE_THE_CLAIMS
]
KEY = PrivateKey.generate("ES256", kid="idp")
SECRET = "a-secret-of-the-client"


def door(now: int, store: MemoryStore) -> Ras:
    """The RAS that the vectors speak of."""
    scopes = frozenset({"chat.read", "chat.history"})
    config = RasConfig(
        issuer=VECTORS["audience"],
        trusted_issuers=(
            TrustedIssuer(
                VECTORS["issuer"],
                keys=KeySet([KEY.public]),
                max_lifetime=VECTORS["max_lifetime"],
                default_scopes=("chat.read",),
                subject=SubjectRules(by=("iss_sub",)),
            ),
        ),
        clients=(
            Client(
                VECTORS["client_id"],
                scopes=scopes,
                issuers=frozenset({VECTORS["issuer"]}),
                registration=Registration(
                    VECTORS["client_id"], names.CLIENT_SECRET, secret_hashes=(hash_secret(SECRET),)
                ),
            ),
        ),
        resources=tuple(Resource(uri, scopes) for uri in VECTORS["resources"]),
        default_resource=VECTORS["resources"][0],
    )
    return Ras(
        config,
        keys=NoKeys(),
        accounts=store,
        store=store,
        signer=JwtSigner(PrivateKey.generate("ES256", kid="ras")),
        clock=lambda: now,
        new_id=lambda: "ref",
    )


def request(assertion: str) -> TokenRequest:
    form = {
        "grant_type": names.JWT_BEARER,
        "assertion": assertion,
        "client_id": VECTORS["client_id"],
        "client_secret": SECRET,
    }
    headers = ((b"content-type", b"application/x-www-form-urlencoded"),)
    return TokenRequest("POST", headers=headers, body=urlencode(form).encode(), source="192.0.2.1")


@pytest.mark.parametrize("case", CLAIMS_CASES)
def test_the_claims_are_judged_as_the_vector_says(case: dict[str, Any]) -> None:
    """RAS-12 to RAS-17, RAS-27, RAS-34, RAS-40, DPOP-14."""

    def judge() -> None:
        id_jag.accept(
            case["claims"],
            audiences={VECTORS["audience"]},
            client_id=VECTORS["client_id"],
            now=case["now"],
            skew=VECTORS["skew"],
            max_lifetime=VECTORS["max_lifetime"],
        )

    if case["expected"] in AFTER_THE_CLAIMS | {"accepted"}:
        judge()
    else:
        assert reason_of(judge) == case["expected"]


@pytest.mark.parametrize("case", CASES)
def test_the_door_answers_as_the_vector_says(case: dict[str, Any]) -> None:
    """RAS-07 to RAS-17, RAS-27, RAS-34, RAS-40, RAS-42, RAS-43, DPOP-09, DPOP-14: over the whole way in."""
    store = MemoryStore([Account("u-alice")], [(Link(VECTORS["issuer"], "", "alice-at-acme"), "u-alice")])
    reply = door(case["now"], store).token(
        request(signed(case["claims"], key=KEY, **replaced(case["header"])))
    )
    answer = json.loads(reply.body)
    [event] = store.events
    if case["expected"] == "accepted":
        assert (reply.status, event.name) == (200, "id_jag.redeemed")
        return
    details = case["expected"] == Reason.AUTHORIZATION_DETAILS
    assert (reply.status, event.fields["reason"]) == (400, case["expected"])
    assert answer["error"] == ("invalid_authorization_details" if details else "invalid_grant")
    assert answer.keys() == {"error", "error_description", "decision_id"}


def replaced(header: dict[str, Any]) -> dict[str, Any]:
    """The header of the vector and nothing else: ``signed`` adds what is absent unless told."""
    return {name: header.get(name, OUT) for name in ("alg", "kid", "typ", *header)}


def test_the_vectors_are_of_one_shape_and_name_only_what_exists() -> None:
    """Others read them too: every case is complete, and every reason is one of ours."""
    names_ = [case["name"] for case in VECTORS["cases"]]
    assert len(set(names_)) == len(names_)
    jtis = [case["claims"]["jti"] for case in VECTORS["cases"] if "vector" in str(case["claims"].get("jti"))]
    assert len(set(jtis)) == len(jtis)
    for case in VECTORS["cases"]:
        assert case.keys() == {"name", "source", "now", "header", "claims", "expected"}
        assert case["expected"] == "accepted" or case["expected"] in set(Reason)
    told = {case["expected"] for case in VECTORS["cases"]}
    assert told >= BEFORE_THE_CLAIMS | AFTER_THE_CLAIMS | {
        "accepted",
        "audience_wrong",
        "client_mismatch",
        "claim_wrong",
    }
    assert told >= {"expired", "not_yet_valid", "lifetime_too_long", "resource_claim_wrong"}
