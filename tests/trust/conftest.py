"""What the tests of trust share."""

from __future__ import annotations

import pytest

from tests.trust.servers import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
