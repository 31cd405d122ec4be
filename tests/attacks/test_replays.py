"""What is used twice: the second use gets nothing, and what the first use gave ends where it must."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.target import Target, members, target
from tests.attacks.test_beside import code_for, redeem
from tests.idp.grants.acme import acme


@pytest.fixture
def idp() -> Iterator[Target]:
    """Acme in memory."""
    with target(None) as made:
        yield made


def test_a_code_that_comes_twice_ends_an_id_token_that_was_exchanged_before() -> None:
    """OIDC-06: the sid of the first use is gone, and nobody remembers it."""
    with acme() as idp:
        code = code_for(idp, idp.sign_in())
        id_token = redeem(idp, code).json["id_token"]
        assert idp.exchange(id_token).error == "issued"
        assert redeem(idp, code).error == "invalid_grant"
        assert idp.exchange(id_token).error == "invalid_grant"
        assert idp.events()[-1]["reason"] == "session_ended"


@pytest.mark.parametrize("change", [{}, {"audience": "https://nobody.example"}, {"grant_type": "x"}])
def test_a_replayed_assertion_tells_nothing_about_the_request(idp: Target, change: dict[str, str]) -> None:
    """CAU-05, XCH-50; attack case 29: invalid_client whatever else is wrong, and the log says replay."""
    first = idp.valid("board")
    assert first.exchange().through(idp.app).status == 200
    again = idp.valid("board", **change)
    again.form = [*again.form[:-1], first.form[-1]]
    answer = again.exchange().through(idp.app)
    assert (answer.status, members(answer)["error"]) == (401, "invalid_client")
    event = idp.acme.events()[-1]
    assert (event["decision_id"], event["reason"]) == (
        members(answer)["decision_id"],
        "client_assertion_replay",
    )


@pytest.mark.parametrize(
    "change", [{"audience": "https://nobody.example"}, {"grant_type": "x"}, {"scope": ""}]
)
def test_an_assertion_is_used_up_by_a_request_that_is_refused(idp: Target, change: dict[str, str]) -> None:
    """CAU-05: single use within its lifetime, whatever it was used for; positive control: a fresh one."""
    first = idp.valid("board", **change)
    first.exchange().through(idp.app)
    again = idp.valid("board")
    again.form = [*again.form[:-1], first.form[-1]]
    assert again.exchange().through(idp.app).status == 401
    assert idp.valid("board").exchange().through(idp.app).status == 200
