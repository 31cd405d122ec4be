"""What commands say beside their answer: their version, what was probably meant, that a token is over."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from idjag import __version__
from idjag.protocol import names
from idjag.protocol.jose import PrivateKey, jws
from tests.cli.deployment import STATE, Deployment, deployed

KEY = PrivateKey.generate("ES256", kid="k")


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def test_the_version(acme: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert acme.run("--version").code == 0
    assert capsys.readouterr().out == f"idjag {__version__}\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from", "wki", "--to", "chat"), "unknown app: wki; did you mean wiki?"),
        (("--from", "wiki", "--to", "chatt"), "unknown resource app: chatt; did you mean chat?"),
        (("--from", "payroll", "--to", "chat"), "unknown app: payroll"),
        (("--from", "Wiki", "--to", "chat"), "unknown app: Wiki; its id is wiki"),
    ],
)
def test_a_name_that_is_spelt_like_another_is_guessed(
    acme: Deployment, options: tuple[str, ...], said: str
) -> None:
    """The last two: one like none is not, and a name that is not the id leads to the id."""
    asked = acme.run("ask", "--user", "alice", *options)
    assert (asked.code, asked.err) == (2, f"idjag: {said}\n")


def test_a_hold_guesses_connections_too(acme: Deployment) -> None:
    held = acme.run("hold", "connection", "wiki-chatt", "--reason", "x")
    assert (held.code, held.err) == (2, "idjag: unknown connection: wiki-chatt; did you mean wiki-chat?\n")


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": -90}, "It has expired, "),
        ({"exp": 90, "nbf": 60}, "It is not valid yet, "),
        ({"exp": 90}, ""),
    ],
)
def test_a_token_whose_time_is_not_now_says_so(acme: Deployment, claims: dict[str, int], said: str) -> None:
    now = int(time.time())
    told = {"iss": "https://idp.acme.example"} | {name: now + seconds for name, seconds in claims.items()}
    token = jws.sign(told, key=KEY, typ=names.ID_JAG_TYP)
    out = acme.run("inspect", token).out
    assert ("It " in out) == bool(said)
    assert said in out


@pytest.mark.parametrize("command", [("apply", "--dry-run"), ("check", "--drift")], ids=" ".join)
def test_who_only_looks_makes_no_database(tmp_path: Path, command: tuple[str, ...]) -> None:
    """What applying would do to nothing is said all the same; positive control: to apply makes one."""
    nothing, file = Deployment(tmp_path), tmp_path / "state.yaml"
    file.write_text(STATE, encoding="utf-8")
    looked = nothing.run(*command, "-f", str(file))
    assert (looked.code, looked.err) == (0 if "--dry-run" in command else 1, "")
    assert "to create, 0 to change, 0 to delete" in looked.out
    assert [each.name for each in tmp_path.iterdir()] == ["state.yaml"]
    assert nothing.run("apply", "-f", str(file)).code == 0
    assert (tmp_path / "data" / "idjag.db").exists()
