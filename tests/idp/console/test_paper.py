"""What an auditor files: pages that say whose they are, of when, narrowed by what; a matrix that is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from idjag.idp.console.access_map import Node
from tests.browser.console_world import APPS, TARGETS, owner_of_many
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Host

MATRIX = "/admin/matrix"


@pytest.fixture(scope="module")
def auditor(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administrator]:
    """The owner of an organisation with more connections than a screen holds."""
    with owner_of_many(host, tmp_path_factory.mktemp("paper")) as alice:
        yield alice


def _cells(page: str) -> set[tuple[str, str]]:
    return set(re.findall(r'aria-label="(Many \d\d) to (Api \d\d): ', page))


def test_paper_says_whose_page_it_is_of_when_for_whom_and_narrowed_by_what(auditor: Administrator) -> None:
    page = auditor.page("/admin/connections", status="paused", owner="it@acme.example").text
    head = page.partition('<div class="paper">')[2].partition("</div>")[0]
    assert "Acme Corporation" in head
    assert "Alice Example" in head
    assert re.search(r'title="20\d\d-\d\d-\d\d \d\d:\d\d UTC"', head)
    address = f"{auditor.site.issuer}/admin/connections?status=paused&amp;owner=it%40acme.example"
    assert f"<bdi>{address}</bdi>" in head
    assert "status=" not in auditor.page("/admin/connections").text.partition('<div class="paper">')[2][:500]
    assert re.search(r'href="/static/paper\.css\?v=[0-9a-f]+" media="print"', page)


def test_a_list_that_goes_on_says_so_on_paper_too(auditor: Administrator) -> None:
    said = "More follow, which are not on this paper."
    assert said in auditor.page("/admin/connections").text
    assert said not in auditor.page("/admin/connections", status="paused").text


def test_every_connection_is_in_the_matrix_once_sheet_by_sheet(auditor: Administrator) -> None:
    first = auditor.page(MATRIX).text
    assert "Requesting apps 1 to 60, by name; more follow." in first
    assert re.findall(r"<h2>(Resource apps .+?)</h2>", first) == [
        "Resource apps 1 to 30 of 31",
        "Resource apps 31 to 31 of 31",
    ]
    onward = re.findall(r'rel="next" href="([^"]+)"', first)
    second = auditor.page(onward[0].replace("&amp;", "&")).text
    assert "Requesting apps 61 to 63, by name, the last ones." in second
    assert 'rel="next"' not in second
    assert len(_cells(first)) + len(_cells(second)) == APPS - 1 + TARGETS
    assert _cells(first) & _cells(second) == set()
    assert "Those were all of them." in auditor.page(MATRIX, after="60000").text


def test_the_matrix_has_the_connections_of_a_status_or_a_name_alone(auditor: Administrator) -> None:
    assert _cells(auditor.page(MATRIX, status="paused").text) == {("Many 00", "Api 00")}
    assert _cells(auditor.page(MATRIX, q="api 30").text) == {
        ("Many 00", "Api 30"),
        ("Many 30", "Api 30"),
        ("Many 61", "Api 30"),
    }
    assert _cells(auditor.page(MATRIX, q="many 07").text) == {("Many 07", "Api 07")}
    assert "Nothing found" in auditor.page(MATRIX, status="expired").text


@pytest.mark.parametrize(
    ("name", "agent", "short"),
    [
        ("Wiki", False, "Wiki"),
        ("n" * 29, False, "n" * 29),
        ("n" * 30, False, "n" * 28 + "…"),
        ("n" * 20, True, "n" * 18 + "…"),
        ("社" * 14, False, "社" * 14),
        ("社" * 15, False, "社" * 14 + "…"),
        ("", False, ""),
    ],
)
def test_a_name_of_the_drawing_fits_its_box(name: str, agent: bool, short: str) -> None:  # noqa: FBT001
    assert Node("1", "key", name, 0, agent).short == short


@pytest.mark.parametrize("name", ["idjag.css", "console.css", "paper.css"])
def test_nothing_moves_for_people_who_want_no_motion_and_no_colour_is_outside_the_tokens(name: str) -> None:
    """WCAG 2.3.3; colours of one scheme alone would be unreadable in the other."""
    css = re.sub(
        r"/\*.*?\*/", "", files("idjag.admin_ui").joinpath("static", name).read_text("utf-8"), flags=re.DOTALL
    )
    still, _, moving = css.partition("@media (prefers-reduced-motion: no-preference)")
    rest = still + moving.partition("\n}\n")[2]
    assert not re.search(r"\b(?:transition|animation|scroll-behavior)\b", rest)
    if name == "console.css":
        assert re.findall(r"#[0-9a-f]{3,8}\b|\brgb\(", css) == []
