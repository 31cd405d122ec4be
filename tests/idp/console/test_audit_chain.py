"""The badge of the audit log: how far it was verified and when, what is wrong with it, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from idjag.idp.administration.roles import Role
from idjag.idp.verifications import TABLE
from idjag.idp.verifying import Verifying
from idjag.ledger.sqlite import SqliteLedger
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Site
from tests.ledger.parts import sql

LOG, HERE, VERIFY = "/admin/audit", "/admin/audit/chain", "/admin/audit/verify"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "idjag.db"


def look(site: Site, path: Path, *, seconds: int = 300) -> None:
    """What the server does so many seconds later."""
    site.clock.now += seconds
    kept = site.services.verifications
    assert kept is not None
    assert isinstance(site.ledger, SqliteLedger)
    Verifying(site.ledger, kept, f"sqlite:///{path}", "node-1").run(lambda _seconds: False)


def test_the_badge_says_how_far_the_log_was_verified_and_when(
    owner: Administrator, site: Site, path: Path
) -> None:
    for page in (LOG, "/admin"):
        assert "Audit log not verified yet</a>" in owner.page(page).text
    look(site, path)
    assert isinstance(site.ledger, SqliteLedger)
    rows = site.ledger.head("t1").audit_no
    site.clock.now += 300
    for page in (LOG, "/admin"):
        shown = owner.page(page).text
        assert f'<a class="badge badge-good" href="{HERE}">Audit log verified up to #{rows}</a>' in shown
        assert "5 minutes ago" in shown
    for _ in range(5):  # a session of the console does not last an hour without a look
        site.clock.now += 721
        owner.page(LOG)
    late = owner.page(LOG).text
    assert f'<a class="badge" href="{HERE}">Audit log verified up to #{rows}</a>' in late


def test_a_tampered_row_turns_it_red_at_the_next_verification_and_says_what_to_do(
    owner: Administrator, site: Site, path: Path
) -> None:
    """Attack case 202."""
    look(site, path)
    sql(path, "UPDATE audit SET reason = 'x' WHERE no = 2")
    assert "badge-danger" not in owner.page(LOG).text
    look(site, path)
    for page in (LOG, "/admin"):
        assert (
            f'<a class="badge badge-danger" href="{HERE}">Audit log broken at #2</a>' in owner.page(page).text
        )
    told = owner.page(HERE).text
    assert "At row 2 the log is not what was written: its columns do not agree with its body." in told
    assert "idjag audit verify --checkpoint FILE" in told
    assert "audit.broken" in owner.page(LOG, event="audit.broken").text
    sql(path, "UPDATE audit SET reason = NULL WHERE no = 2")
    look(site, path)
    assert "badge-danger" not in owner.page(LOG).text


def test_a_note_that_is_not_ours_is_red_and_never_green(owner: Administrator, site: Site, path: Path) -> None:
    look(site, path)
    sql(path, f"UPDATE {TABLE} SET note = replace(note, '\"no\":', '\"no\":1')")  # noqa: S608
    assert "noted of its verification is not ours</a>" in owner.page(LOG).text
    assert "was not written with its key" in owner.page(HERE).text
    look(site, path)
    assert "badge-good" in owner.page(HERE).text


def test_all_of_it_is_read_again_for_whoever_asks(owner: Administrator, site: Site, path: Path) -> None:
    look(site, path)
    sql(path, "UPDATE audit SET reason = 'x' WHERE no = 2")
    answer = owner.submit(owner.page(HERE), VERIFY)
    assert answer.headers["location"] == f"{HERE}?done=verifying"
    assert not owner.has(owner.get(answer.headers["location"]), VERIFY)
    look(site, path, seconds=60)
    assert "broken at #2" in owner.page(LOG).text


def test_a_viewer_is_told_and_led_nowhere(viewer: Administrator, site: Site, path: Path) -> None:
    look(site, path)
    shown = viewer.page("/admin").text
    assert '<span class="badge badge-good">Audit log verified up to #' in shown
    assert viewer.get(HERE).status_code == 403


def test_an_auditor_may_have_it_verified(site: Site, path: Path) -> None:
    with Administrator(site, Role.AUDITOR, "bob") as bob:
        assert bob.submit(bob.page(HERE), VERIFY).status_code == 303
        look(site, path)
        assert "badge-good" in bob.page(HERE).text


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("UPDATE audit SET body = 'gone' WHERE no = (SELECT max(no) FROM audit)", "audit.read"),
        ("UPDATE audit SET body = '[1]' WHERE no = (SELECT max(no) FROM audit)", "audit.read"),
        (
            'UPDATE audit SET body = replace(body, \'"actor":{\', \'"actor":7,"x":{\') '
            "WHERE no = (SELECT max(no) FROM audit)",
            "a row that cannot be read",
        ),
    ],
)
def test_a_row_that_somebody_has_made_unreadable_hides_no_other(
    owner: Administrator, path: Path, statement: str, shown: str
) -> None:
    """Whoever can write one row must not shut the log for those who look."""
    owner.act()
    owner.page(LOG)
    sql(path, statement)
    page = owner.page(LOG).text
    assert shown in page
    assert "Issued</span>" in page
