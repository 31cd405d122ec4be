"""Apps that publish what they are, in a state file: where they may be, and that they come back out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from idjag.idp.state.plan import Problems
from tests.idp.state.parts import Acme, example, in_memory

URL = "https://wiki.example/app.json"


@pytest.fixture
def acme() -> Iterator[Acme]:
    with in_memory() as acme:
        yield acme


def with_wiki(**changes: Any) -> dict[str, Any]:
    """The example with another wiki; one that is an address has no client id at Chat."""
    state = example()
    state["apps"][0] |= changes
    if "client_id" in changes:
        del state["connections"][0]["client_id"]
    return state


DOCUMENT: dict[str, Any] = {
    "client_id": URL,
    "redirect_uris": [],
    "auth": {"method": "client_id_metadata_document"},
}


def test_an_app_that_is_an_address_is_applied_once_and_its_tests_pass(acme: Acme) -> None:
    """CAU-13, JAG-09: the file's own tests are asked under the name that the app has everywhere."""
    acme.apply(with_wiki(**DOCUMENT))
    assert acme.row("app", key="wiki")["client_id"] == URL
    assert acme.apply(with_wiki(**DOCUMENT)).plan.changes == ()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (DOCUMENT | {"client_id": "http://127.0.0.1:9000/app.json"}, ("client_id",)),
        (
            {"auth": {"method": "private_key_jwt", "jwks_uri": "https://localhost:9000/jwks"}},
            ("auth", "jwks_uri"),
        ),
    ],
)
def test_an_app_on_this_machine_is_refused_by_an_issuer_elsewhere(
    acme: Acme, change: dict[str, Any], path: tuple[str, ...]
) -> None:
    """CAU-11: told with its place; an issuer on this machine may have it."""
    with pytest.raises(Problems) as refused:
        acme.apply(with_wiki(**change))
    (problem,) = refused.value.problems
    assert (problem.noun, problem.key, problem.path) == ("app", "wiki", path)
    acme.issuer = "http://127.0.0.1:8700"
    acme.apply(with_wiki(**change))
