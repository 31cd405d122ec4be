"""docs/administration.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from idjag.idp.administration import links
from idjag.idp.administration.roles import MAY, Permission, Role
from idjag.idp.administration.tokens import LONGEST
from idjag.idp.console import entrance
from idjag.idp.signin.sessions import RECENT


def page(root: Path) -> str:
    return (root / "docs" / "administration.md").read_text("utf-8")


def test_its_table_of_roles_is_the_one_that_is_looked_up(root: Path) -> None:
    lines = page(root).splitlines()
    head = next(line for line in lines if line.startswith("| may |"))
    roles = [Role(cell.strip().replace(" ", "_")) for cell in head.strip("|").split("|")[1:]]
    said = {}
    for line in lines[lines.index(head) + 2 :][: len(Permission)]:
        name, *cells = line.removeprefix("|").removesuffix("|").split("|")
        may = {role for role, cell in zip(roles, cells, strict=True) if cell.strip() == "yes"}
        said[Permission(name.split("`")[1])] = may
    assert set(roles) == set(Role)
    assert said == {each: {role for role, may in MAY.items() if each in may} for each in Permission}


def test_its_limits_are_the_ones_that_hold(root: Path) -> None:
    text = page(root)
    assert f"after **{entrance.IDLE // 60} minutes** without use" in text
    assert f"after **{entrance.ABSOLUTE // 3600} hours** in any case" in text
    assert f"at most `{LONGEST // 86400}d`" in text
    assert (RECENT, links.LIFETIME) == (600, 3600)
    assert "a sign-in of the last ten minutes" in text
    assert "within the hour" in text
