"""Two nodes, one code or one step at the same moment: one session, whoever comes first."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from idjag.idp.audit import Source
from idjag.idp.factors import totp
from idjag.idp.services import Services
from idjag.idp.signin import answers, authorize, proving, reading, session_ends, sessions, steps
from idjag.idp.signin.admission import Asked
from idjag.idp.signin.outcomes import Admitted, Again, Brought, Continued, Failed, Outcome
from idjag.idp.signin.steps import Step
from idjag.idp.snapshot import Loader, Snapshot
from idjag.ledger.entry import Entry, Facts, OneTime, Verdict
from idjag.ledger.sqlite import SqliteLedger
from idjag.protocol import form
from tests.idp.settling import LONG
from tests.idp.signin.factors import Phone, settings, with_app
from tests.idp.signin.seeds import NOW, PASSWORDS, TENANT
from tests.idp.signin.site import SEALER, Host, Site, running
from tests.idp.signin.visit import request


@pytest.fixture
def two(host: Host, tmp_path: Path) -> Iterator[tuple[Site, tuple[Services, Services]]]:
    """One database, and two nodes with a writer and a connection each."""
    database = tmp_path / "idjag.db"
    with running(host, database=database) as site:
        load = Loader(SEALER)
        with SqliteLedger(database, load=load, chain_key=b"c" * 32, patience=LONG, deadline=LONG) as second:
            second.open_tenant(TENANT)
            yield site, (site.services, replace(site.services, ledger=second))


def source(site: Site) -> Source:
    return Source(secrets.token_urlsafe(16), site.clock.now, "192.0.2.1", "test")


def asked(services: Services) -> tuple[Asked, str]:
    raw = form.parse(urlencode(request()).encode())
    return reading.read(services, raw, now=NOW, begun=True), authorize.carried(raw)


def begun(site: Site) -> Step:
    """A sign-in whose password was right."""
    what, carried = asked(site.services)
    outcome = proving.by_password(
        site.services,
        what,
        carried,
        username="alice",
        password=PASSWORDS["alice"],
        brought=Brought(),
        source=source(site),
    )
    assert isinstance(outcome, Continued), outcome
    step = steps.find(outcome.cookie, site.services, now=site.clock.now)
    assert step is not None
    return step


def together(ways: list[Callable[[], Outcome]]) -> list[Outcome]:
    """All at the same moment."""
    start = threading.Barrier(len(ways))

    def run(way: Callable[[], Outcome]) -> Outcome:
        start.wait()
        return way()

    with ThreadPoolExecutor(len(ways)) as pool:
        return list(pool.map(run, ways))


def answering(site: Site, node: Services, step: Step, code: str) -> Callable[[], Outcome]:
    what, _ = asked(node)
    now = site.clock.now

    def run() -> Outcome:
        answer = answers.by_app(step, code, sealer=node.sealer, remember=False, now=now)
        return answers.answered(node, what, step, answer, brought=Brought(), source=source(site))

    return run


def test_one_step_answered_on_two_nodes_at_once_makes_one_session(
    two: tuple[Site, tuple[Services, Services]],
) -> None:
    """Every answer claims the step's attempt, and the row that it read."""
    site, nodes = two
    phone = with_app(site)
    step = begun(site)
    ways = [answering(site, nodes[number % 2], step, phone.code()) for number in range(8)]
    outcomes = together(ways)
    assert sum(isinstance(one, Admitted) for one in outcomes) == 1
    assert (len(site.rows("session")), len(site.rows("code"))) == (1, 1)


def test_one_code_in_two_steps_on_two_nodes_at_once_makes_one_session(
    two: tuple[Site, tuple[Services, Services]],
) -> None:
    """A thief who sees the code as it is typed, and has the password, comes second."""
    site, nodes = two
    phone = with_app(site)
    code = phone.code()
    ways = [answering(site, node, begun(site), code) for node in (*nodes, *nodes)]
    outcomes = together(ways)
    assert sum(isinstance(one, Admitted) for one in outcomes) == 1
    assert len(site.rows("session")) == 1


def test_parallel_guesses_at_one_step_are_no_more_than_one_after_the_other(
    two: tuple[Site, tuple[Services, Services]],
) -> None:
    site, nodes = two
    phone: Phone = with_app(site)
    step = begun(site)
    guesses = [f"{(int(phone.code()) + 1 + number) % 10**6:06}" for number in range(12)]
    outcomes = together(
        [answering(site, nodes[number % 2], step, guess) for number, guess in enumerate(guesses)]
    )
    assert not any(isinstance(one, Admitted) for one in outcomes)
    (left,) = site.rows("sign_in_step")
    looked_at = [event for event in site.events() if event.get("reason") == "factor_wrong"]
    assert (left["failures"], len(looked_at)) == (1, 1)


def test_a_step_that_was_read_before_its_settings_changed_is_judged_by_the_new_ones(
    two: tuple[Site, tuple[Services, Services]],
) -> None:
    """The other node has tightened what is wanted: what was enough when the page was shown is not now."""
    site, nodes = two
    what, carried = asked(nodes[1])
    settings(site, second_factor="required")
    outcome = proving.by_password(
        nodes[1],
        what,
        carried,
        username="bob",
        password=PASSWORDS["bob"],
        brought=Brought(),
        source=source(site),
    )
    assert isinstance(outcome, Continued)
    assert site.rows("session") == []


def test_an_answer_that_another_node_is_looking_at_is_not_looked_at_here(
    two: tuple[Site, tuple[Services, Services]],
) -> None:
    """PostgreSQL lets two nodes read one row at the same moment: the one-time id tells them apart."""
    site, nodes = two
    phone, step = with_app(site), begun(site)
    _claim(site, step.attempt)
    assert isinstance(answering(site, nodes[1], step, phone.code())(), Again)
    assert site.rows("session") == []


def test_a_code_that_another_node_is_looking_at_is_not_taken_here(
    two: tuple[Site, tuple[Services, Services]],
) -> None:
    site, nodes = two
    phone, step = with_app(site), begun(site)
    _claim(site, *totp.once("p-alice", phone.code(), now=site.clock.now))
    assert isinstance(answering(site, nodes[1], step, phone.code())(), Failed)
    assert (site.last_event()["reason"], site.rows("session")) == ("factor_replayed", [])
    assert site.rows("sign_in_step")[0]["failures"] == 1


def test_a_step_that_ended_since_it_was_read_is_over(two: tuple[Site, tuple[Services, Services]]) -> None:
    site, nodes = two
    phone, step = with_app(site), begun(site)
    later = begun(site)
    site.clock.now += 599
    assert isinstance(answering(site, nodes[0], later, phone.code())(), Admitted)
    site.clock.now += 1
    assert isinstance(answering(site, nodes[0], step, phone.code())(), Again)


def _claim(site: Site, *ids: OneTime) -> None:
    """What another node has just claimed."""

    def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
        return Verdict(None, ())

    entry = Entry(TENANT, "another node", site.clock.now, decide, consume_always=ids)
    site.ledger.commit(entry)


def test_a_session_that_one_node_ends_is_over_on_the_other(
    two: tuple[Site, tuple[Services, Services]],
) -> None:
    """Attack case 152: nothing is cached."""
    site, (here, there) = two
    phone = with_app(site)
    outcome = answering(site, here, begun(site), phone.code())()
    assert isinstance(outcome, Admitted)
    now = site.clock.now
    assert sessions.find(outcome.cookie, there, now=now)
    person = {"kind": "person", "id": "p-alice"}
    session_ends.end_some(here, "p-alice", lambda some: some, actor=person, source=source(site))
    assert sessions.find(outcome.cookie, there, now=now) is None
