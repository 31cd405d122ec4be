"""What a reload of ras.yaml may not change: with what a server was opened, bound and signed (RAS-47)."""

from __future__ import annotations

from pathlib import Path

import pytest

from idjag.ras.config import build, load
from idjag.ras.reloading import Reloading
from tests.ras.test_config import CONTRACT, ENVIRON, write
from tests.ras.world import RAS


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("issuer", f"issuer: {RAS}\naccepted", "issuer: https://other.chat.example\naccepted"),
        ("database_url, kek_file", "sqlite:///ras.db", "sqlite:///other.db"),
        ("kek_file", "kek_file: null", "kek_file: other.kek"),
        ("access_token.alg", "lifetime: 15m, alg: ES256", "lifetime: 15m, alg: RS256"),
    ],
)
def test_what_only_a_start_takes_up_is_refused_and_nothing_changes(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    """RAS-47: half of a file in force would be worse than none of it."""
    file = write(tmp_path)
    loaded = load(file, ENVIRON)
    with build(loaded) as built:
        reloading = Reloading(file, ENVIRON, loaded=loaded, built=built)
        assert CONTRACT.count(before) == 1
        both = CONTRACT.replace(before, after).replace("lifetime: 15m", "lifetime: 5m")
        write(tmp_path, both)
        problem = reloading.reload(by="test")
        assert problem == f"{name}: only a start takes this up: stop the server and start it again"
        assert built.ras.config.access_token_lifetime == 900
        write(tmp_path, CONTRACT.replace("lifetime: 15m", "lifetime: 5m"))
        assert reloading.reload(by="test") is None
        assert built.ras.config.access_token_lifetime == 300
