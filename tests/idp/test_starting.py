"""What a start of the server does without: who asks for a token waits for no page's modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PAGES = "{'litestar', 'alembic', 'fido2', 'pygments', 'idjag.idp.console', 'idjag.idp.api.app'}"
_SETTINGS = """
import sys
from pathlib import Path
from idjag.idp.app import serving
from idjag.idp.settings import Settings
here = sys.argv[1]
settings = Settings.load({"HOME": here, "IDJAG_ISSUER": "http://localhost:8000",
                          "IDJAG_DATABASE_URL": f"sqlite:///{here}/data/idp.sqlite"})
"""
_SERVES = (
    _SETTINGS
    + f"""
with serving(settings):
    print(sorted({_PAGES} & sys.modules.keys()))
"""
)


def _run(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_server_on_a_database_that_is_up_to_date_starts_without_pages_and_migrations(
    tmp_path: Path,
) -> None:
    """Half of a start would be spent on importing them; the first time, the migrations are run of course."""
    assert _run(_SERVES, tmp_path) == "['alembic', 'pygments']\n"
    assert _run(_SERVES, tmp_path) == "[]\n"
