"""Two secrets of a client in ras.yaml, while it changes over (CAU-15)."""

from __future__ import annotations

from pathlib import Path

import pytest

from idjag.ras.config import load
from idjag.yaml_file import FileError, FileErrors
from tests.ras.world import CLIENT, IDP, NOW, World, basic, config, trusted

OLD, NEW = "the-old-secret-of-the-wiki", "the-new-secret-of-the-wiki"
ENVIRON = {"OLD": OLD, "NEW": NEW}


def file(tmp_path: Path, auth: str) -> Path:
    path = tmp_path / "ras.yaml"
    path.write_text(
        f"""
issuer: https://acme.chat.example/
trusted_issuers: [{{issuer: "{IDP}"}}]
clients:
  - {{client_id: {CLIENT}, auth: {auth}, scopes: [chat.read, chat.history], issuers: ["{IDP}"]}}
resources: [{{uri: "https://api.chat.example/", scopes: [chat.read, chat.history]}}]
default_resource: "https://api.chat.example/"
""",
        encoding="utf-8",
    )
    return path


BOTH = '{secrets: [{secret: "env:OLD", expires: "2027-01-15T08:01:00Z"}, {secret: "env:NEW"}]}'


def test_both_count_until_the_old_one_ends(tmp_path: Path) -> None:
    """CAU-15, attack case 39: through the token endpoint."""
    clients = load(file(tmp_path, BOTH), ENVIRON).config.clients
    world = World(config=config(clients=clients, trusted_issuers=(trusted(),)))
    for now, statuses in ((NOW + 59, [200, 200]), (NOW + 60, [401, 200])):
        world.clock.now = now
        assert [world.post(authorization=basic(secret=each)).status for each in (OLD, NEW)] == statuses


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param('{secret: "env:OLD", secrets: [{secret: "env:NEW"}]}', id="both forms"),
        pytest.param("{secrets: []}", id="none"),
        pytest.param(
            '{secrets: [{secret: "env:OLD"}, {secret: "env:NEW"}, {secret: "env:NEW"}]}', id="three"
        ),
        pytest.param('{secrets: [{expires: "2027-01-15T08:01:00Z"}]}', id="no secret"),
        pytest.param('{secrets: [{secret: "env:OLD", expires: soon}]}', id="no time"),
        pytest.param('{secrets: [{secret: "env:MISSING"}]}', id="a variable that is not set"),
        pytest.param('{secrets: [{secret: "a-literal-secret-of-an-issuer"}]}', id="in the file itself"),
        pytest.param('{method: private_key_jwt, secrets: [{secret: "env:NEW"}]}', id="for another method"),
        pytest.param('{method: none, secrets: [{secret: "env:NEW"}]}', id="for a public client"),
        pytest.param("{}", id="nothing"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, auth: str) -> None:
    """CAU-15, CAU-09; positive control above."""
    with pytest.raises((FileError, FileErrors)) as caught:
        load(file(tmp_path, auth), ENVIRON)
    assert not any(secret in str(caught.value) for secret in (OLD, NEW, "a-literal-secret"))
