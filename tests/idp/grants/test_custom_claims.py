"""Claims that administrators map, from the state file to the ID-JAG (JAG-27)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.ledger.entry import Update
from tests.idp.grants.acme import CHAT, Acme, acme, chat, state

DEPARTMENT = {"department": {"attribute": "dept"}, "cost_centre": {"attribute": "cost"}}


def mapped(attributes: dict[str, str], claims: Any = DEPARTMENT) -> dict[str, Any]:
    """Alice has these attributes, and Chat is told of them."""
    text = state(resource_apps=[chat(claims=claims)])
    text["users"][0]["attributes"] = attributes
    return text


def test_a_mapped_attribute_is_a_claim_of_the_id_jag() -> None:
    """JAG-27, JAG-21: who has no such attribute has no such claim."""
    with acme(mapped({"dept": "Sales & Støtte", "other": "x"})) as idp:
        grant = idp.exchange(idp.sign_in()).grant
    assert grant["department"] == "Sales & Støtte"
    assert not {"cost_centre", "dept", "other"} & grant.keys()


def test_it_is_read_anew_with_every_exchange() -> None:
    """XCH-21."""
    with acme(mapped({"dept": "sales"})) as idp:
        token = idp.sign_in()
        assert idp.exchange(token).grant["department"] == "sales"
        idp.apply(mapped({"dept": "support"}))
        assert idp.exchange(token).grant["department"] == "support"
        idp.apply(mapped({"dept": "support"}, {}))
        assert "department" not in idp.exchange(token).grant


def test_an_attribute_that_says_nothing_mapped_is_told_to_nobody(idp: Acme) -> None:
    """JAG-26."""
    assert "chat_id" not in idp.exchange(idp.sign_in()).grant


@pytest.mark.parametrize("name", ["sub", "SCOPE", "act", "idjag_use"])
def test_a_row_that_maps_what_it_must_not_makes_nothing(name: str) -> None:
    """JAG-27: not even who writes to the database makes a claim that means something else."""
    with acme(mapped({"dept": "evil"})) as idp:
        row = idp.row("resource_app", "issuer", CHAT)
        for claim, status in ((name, 400), ("department", 200)):
            spec = json.loads(row["spec"]) | {"claims": {claim: "dept"}}
            idp.write(Update("resource_app", {"id": row["id"]}, {"spec": json.dumps(spec)}))
            answer = idp.exchange(idp.sign_in())
            assert answer.status == status
        denied = idp.events("id_jag.denied")[-1]
    assert (denied["reason"], denied["inputs"]["fact"]["claim"]) == ("claim_reserved", name)


def test_too_much_is_refused_and_not_cut() -> None:
    """JAG-27, JAG-29."""
    claims = {f"c{number}": {"attribute": f"a{number}"} for number in range(8)}
    attributes = {f"a{number}": "x" * 255 for number in range(8)}
    with acme(mapped(attributes, claims)) as idp:
        answer = idp.exchange(idp.sign_in())
        reason = idp.events("id_jag.denied")[-1]["reason"]
        assert (answer.error, reason) == ("access_denied", "claims_too_large")
        idp.apply(mapped({**attributes, "a0": "x"}, claims))
        small = idp.exchange(idp.sign_in())
        assert small.grant["c7"] == "x" * 255
        assert len(small.json["access_token"]) < 8192
