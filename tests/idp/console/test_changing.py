"""What every change of the console passes: where it leads back, what it never writes down, what narrows."""

from __future__ import annotations

import pytest

from idjag.idp.console.changing import Proposal, widens
from idjag.idp.state.changes import Change
from tests.idp.console.desk import Administrator


def _change(noun: str, action: str, **after: str) -> Change:
    if action == "delete":
        return Change(noun, "x", "1", "delete", "deleted", before={"id": "x"})
    if action == "create":
        return Change(noun, "x", "1", "create", "created", after=after)
    return Change(noun, "x", "1", "change", "updated", after=after)


@pytest.mark.parametrize(
    ("change", "wider"),
    [
        (_change("guardrail", "create", id="x"), False),
        (_change("guardrail", "delete"), True),
        (_change("guardrail", "change", scopes="x"), True),
        (_change("connection", "create", status="active"), True),
        (_change("connection", "create", status="draft"), False),
        (_change("connection", "delete"), False),
        (_change("connection", "change", status="paused"), False),
        (_change("connection", "change", status="active"), True),
        (_change("connection", "change", status="paused", client_id="other"), True),
        (_change("rule", "change", scopes="any"), True),
        (_change("app", "change", status="disabled"), False),
        (_change("tenant", "change", second_factor="optional"), True),
    ],
)
def test_what_we_are_not_sure_of_widens(change: Change, *, wider: bool) -> None:
    assert widens((change,)) is wider


def test_several_changes_widen_as_soon_as_one_does() -> None:
    paused, deleted = _change("connection", "change", status="paused"), _change("guardrail", "delete")
    assert widens((paused, deleted))
    assert not widens((paused,))


def test_a_secret_is_in_what_is_sent_and_not_in_what_people_put_into_files() -> None:
    entry = {"id": "x", "auth": {"method": "client_secret", "secret": "s" * 43}}
    proposal = Proposal.of("app", "x", entry, "", "/admin/apps")
    [(key, secret)] = proposal.secrets
    assert (key, secret) == ("x", "s" * 43)
    assert secret.encode() in proposal.octets
    assert secret not in proposal.yaml
    assert secret not in repr(proposal)


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/admin", "/admin\\@evil", "/me"])
def test_a_change_leads_back_into_the_console_alone(owner: Administrator, back: str) -> None:
    form = owner.page("/admin/guardrail/edit")
    review = owner.submit(form, "/admin/guardrail/edit", id="quiet", who="everyone", scopes="chat.write")
    refused = owner.submit(review, "/admin/change", back=back)
    assert refused.status_code == 400
    assert owner.agree(review).status_code == 303
