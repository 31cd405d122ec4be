"""People who are looked up together are found as they are one at a time."""

from __future__ import annotations

from pathlib import Path

from idjag.protocol.sub_id import SamlNameId
from idjag.ras import Account, Link
from idjag.ras.ports import Query
from idjag.ras.subjects import look_up
from tests.ras.stores import opened_store
from tests.ras.world import IDP

NAME_ID = SamlNameId("https://saml.example", "alice-at-saml")
PEOPLE = [
    Account("u-alice", email="alice@acme.example", sub_ids=(NAME_ID,)),
    Account("u-bob", email="bob@acme.example"),
]
LINKS = {Link(IDP, "", "alice"): "u-alice", Link("https://other.example", "", "al"): "u-alice"}
QUERIES = [
    Query(Link(IDP, "", "alice"), None),
    Query(Link(IDP, "", "alice"), None, aud_sub="u-bob", email="alice@acme.example"),
    Query(Link(IDP, "", "new"), None, email="bob@acme.example"),
    Query(Link(IDP, "", "new"), None, sub_id=NAME_ID),
    Query(Link(IDP, "", "nobody"), None, aud_sub="u-nobody", email="nobody@acme.example"),
]


def test_each_of_them_is_found_as_by_itself(tmp_path: Path) -> None:
    with opened_store("sqlite", tmp_path, PEOPLE, LINKS) as store:
        one_by_one = [look_up(query, accounts=store, store=store) for query in QUERIES]
        assert store.people(QUERIES) == one_by_one
    assert one_by_one[0].by_link is not None
    assert [len(found.links) for found in one_by_one] == [0, 2, 1, 1, 0]
