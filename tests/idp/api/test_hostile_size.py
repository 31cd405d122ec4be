"""Long files at the admin API: not from whoever may change nothing, and one at a time from the others."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event

import pytest

from idjag.idp.api.bodies import LONGEST
from idjag.idp.api.office import Office
from idjag.idp.api.problem import Problem
from tests.idp.api.bureau import Bureau


def test_whoever_may_change_nothing_sends_no_long_file(office: Bureau) -> None:
    """P12: nine megabytes of a viewer took fifteen seconds of a core and a gigabyte, only to be refused."""
    same = {"version": 1, "groups": [{"name": "engineering"}, {"name": "sales"}]}
    short = json.dumps(same).encode()
    long = short + b" " * LONGEST
    for role, status in (("viewer", 403), ("auditor", 403), ("rule_editor", 200), ("owner", 200)):
        assert office(role, "POST", "/state?dry_run=true", content=long).status_code == status, role
        assert office(role, "POST", "/state?dry_run=true", content=short).status_code == 200, role
    refused = office.acme.events("admin.refused")
    assert [event["inputs"]["path"] for event in refused] == ["/admin/api/v1/state"] * 2


def test_whole_states_are_read_one_at_a_time(office: Bureau) -> None:
    """P12: six at once would be all the memory that there is; the second one is told to come again."""
    desk = Office(office.acme.services, lookups=None)  # type: ignore[arg-type]
    inside, leave = Event(), Event()

    def first() -> None:
        with desk.one_at_a_time():
            inside.set()
            assert leave.wait(30)

    with ThreadPoolExecutor(1) as others:
        busy = others.submit(first)
        assert inside.wait(30)
        with ExitStack() as stack, pytest.raises(Problem) as late:
            stack.enter_context(desk.one_at_a_time(seconds=0.0))
        assert (late.value.status, late.value.headers) == (429, {"Retry-After": "5"})
        leave.set()
        busy.result(30)
    with desk.one_at_a_time(seconds=0.0):
        pass
