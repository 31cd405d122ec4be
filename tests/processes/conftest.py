"""The deployment that the tests of this folder start from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.acme import Acme, acme_in


@pytest.fixture
def acme(tmp_path: Path) -> Acme:
    """Two files in a private folder, and nothing else."""
    tmp_path.chmod(0o700)
    return acme_in(tmp_path)
