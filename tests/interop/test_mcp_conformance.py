"""MCP's own conformance suite, its scenarios for authorization servers: our IdP, and our RAS's metadata."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from idjag.demo.wire import Browser, fetch
from tests.interop.node_program import NODE, need_node, node
from tests.interop.world import ISSUERS, World
from tests.processes.program import free_port

need_node()

METADATA = "authorization-server-metadata-endpoint"
ALL_SECONDS = 100


@contextmanager
def suite(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The suite at work; leaving the ``with`` waits for its end."""
    command = node("conformance.mjs", "authorization", *arguments)
    environ = {"PATH": os.environ["PATH"]}
    with subprocess.Popen(
        command, cwd=NODE, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
            process.communicate(timeout=ALL_SECONDS)
        finally:
            process.kill()


def checks(folder: Path) -> dict[str, str]:
    """What came out, by the ids of the checks."""
    found: list[dict[str, Any]] = []
    for path in folder.rglob("checks.json"):
        found += json.loads(path.read_text(encoding="utf-8"))
    return {each["id"]: each["status"] + _why(each) for each in found}


def _why(check: dict[str, Any]) -> str:
    # Its one warning is about an option; what it says of it is the reason that docs/interop.md records.
    return f": {check['errorMessage']}" if check.get("errorMessage") else ""


def of_the_metadata(issuer: str) -> dict[str, str]:
    """What its checks of the metadata must say: nobody has to take metadata documents for clients."""
    metadata: Any = fetch(_published(issuer)).json()
    option = "client_id_metadata_document_supported"
    without = f'WARNING: Authorization server metadata does not include "{option}"'
    return {
        "authorization-server-metadata": "SUCCESS",
        "authorization-server-metadata-cimd": "SUCCESS" if metadata.get(option) else without,
    }


def _published(issuer: str) -> str:
    origin, path = "/".join(issuer.split("/")[:3]), "/".join(issuer.split("/")[3:])
    return f"{origin}/.well-known/oauth-authorization-server" + (f"/{path}" if path else "")


def test_the_idp_passes_its_scenarios(world: World, tmp_path: Path) -> None:
    """Fact 7; OIDC-03, OIDC-04, MET-01: metadata, and a code for a native app without scope; no-store."""
    port = free_port()
    given = ("--url", world.idp, "--client-id", "conformance", "--port", str(port), "-o", str(tmp_path))
    with suite(*given) as running:
        assert running.stdout is not None
        lines = iter(running.stdout.readline, "")
        asked = next(line.strip() for line in lines if re.match(rf"{world.idp}/authorize\?", line))
        browser = Browser()
        url, page = browser.get(asked)
        typed = {"username": "alice", "password": world.password}
        url, shown = browser.submit(url, page, typed=typed, until="never:")
    assert (url.startswith(f"http://127.0.0.1:{port}/callback?"), shown.status) == (True, 200)
    assert checks(tmp_path) == {**of_the_metadata(world.idp), "authorization-code-grant": "SUCCESS"}


@pytest.mark.parametrize("name", ISSUERS)
def test_the_metadata_of_the_ras_passes(world: World, tmp_path: Path, name: str) -> None:
    """MET-05, MET-06: although it only redeems."""
    issuer = world.targets[name].issuer
    with suite("--url", issuer, "--scenario", METADATA, "-o", str(tmp_path)):
        pass
    assert checks(tmp_path) == of_the_metadata(issuer)


def test_the_suite_notices_an_issuer_that_is_another(world: World, tmp_path: Path) -> None:
    """Positive control of the tests above: it can fail."""
    issuer = world.targets["slash"].issuer.removesuffix("/")
    with suite("--url", issuer, "--scenario", METADATA, "-o", str(tmp_path)):
        pass
    assert checks(tmp_path)["authorization-server-metadata"] == f"FAILURE: Invalid issuer: {issuer}/"
