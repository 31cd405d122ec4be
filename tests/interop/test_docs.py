"""docs/interop.md says what the tests do: its versions and its Python are theirs, its YAML is a RAS file."""

from __future__ import annotations

import json
import re
from pathlib import Path

from idjag.protocol.jose import PrivateKey
from idjag.ras import config


def blocks(root: Path, language: str) -> list[str]:
    page = (root / "docs" / "interop.md").read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert found
    return found


def test_the_python_of_the_page_is_run_by_these_tests(root: Path) -> None:
    sources = [path.read_text(encoding="utf-8") for path in (root / "tests" / "interop").glob("*.py")]
    assert [block for block in blocks(root, "python") if not any(block in source for source in sources)] == []


def test_the_yaml_of_the_page_loads(root: Path, tmp_path: Path) -> None:
    [entries] = blocks(root, "yaml")
    key = PrivateKey.generate("ES256", kid="example").public.to_dict()
    path = tmp_path / "ras.yaml"
    rest = (
        'issuer: https://chat.example\nresources: [{uri: "https://chat.example/api", scopes: [chat.read]}]\n'
    )
    path.write_text(
        rest + entries.replace("$x", str(key["x"])).replace("$y", str(key["y"])), encoding="utf-8"
    )
    loaded = config.load(path, {}).config
    assert [trusted.issuer for trusted in loaded.trusted_issuers] == [
        "https://acme.okta.example",
        "https://login.product.example/tenants/7f3a",
    ]
    assert loaded.trusted_issuers[0].keys is not None


def test_the_versions_of_the_page_are_those_that_run(root: Path) -> None:
    page = (root / "docs" / "interop.md").read_text(encoding="utf-8")
    said = set(re.findall(r"^\| ([^ ,|]+)(?:, [^|]+)? \| ([0-9][^ |]*) \|", page, flags=re.MULTILINE))
    locked = (root / "requirements" / "dev.txt").read_text(encoding="utf-8")
    node = json.loads((root / "tests" / "interop" / "node" / "package.json").read_text(encoding="utf-8"))
    run = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", locked, flags=re.MULTILINE)) | node["dependencies"]
    foreign = {"authlib", "idpyoidc", "mozilla-django-oidc", "mcp", *node["dependencies"]}
    assert {name for name, _ in said} == foreign
    assert [(name, version) for name, version in said if run.get(name) != version] == []
