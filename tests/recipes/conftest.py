"""What the recipes of docs/recipes are cooked with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.processes.acme import acme_in
from tests.processes.nodes import Nodes, nodes_of
from tests.recipes import nginx


@pytest.fixture
def recipe(root: Path) -> str:
    """The configuration as it stands in docs; nothing is known without the program."""
    if nginx.binary() is None:
        pytest.skip("nginx is not installed: nothing is known about the recipe")
    return (root / "docs" / "recipes" / "nginx.conf").read_text(encoding="utf-8")


@pytest.fixture
def nodes(tmp_path: Path, postgres: Cluster) -> Nodes:
    """Two nodes of one deployment, not serving yet; the issuer is where nginx shall listen."""
    tmp_path.chmod(0o700)
    return nodes_of(acme_in(tmp_path), postgres)
