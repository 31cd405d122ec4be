"""The log of a server process: one line an event, whatever a request brings."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HOSTILE = "a\r\nERROR forged\x1b[2J\u2028b\u202ec"
PROGRAM = """
import logging
from idjag.cli import logs
logs.configure(log_format={log_format!r}, level="info")
logging.getLogger("idjag.test").info("client %s", {hostile!r})
try:
    raise ValueError("wiki-secret-0123456789")
except ValueError:
    logging.getLogger("idjag.test").exception("failed")
logging.getLogger("idjag.test").debug("unseen")
"""


def logged(log_format: str) -> list[str]:
    """What a process of its own writes: the root logger of this one belongs to pytest."""
    program = PROGRAM.format(log_format=log_format, hostile=HOSTILE)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return done.stderr.decode().split("\n")[:-1]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_a_request_brings_stays_on_one_line(log_format: str) -> None:
    """Attack case 198."""
    lines = logged(log_format)

    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert "forged" in lines[0]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_the_text_of_an_exception_is_not_logged(log_format: str) -> None:
    """Attack case 199: its kind and place are; its text may quote a request."""
    text = "\n".join(logged(log_format))

    assert "wiki-secret-0123456789" not in text
    assert "ValueError at" in text


def test_json_lines_are_json() -> None:
    """IDJAG_LOG_FORMAT=json."""
    first = json.loads(logged("json")[0])

    assert (first["level"], first["logger"], first["message"]) == ("info", "idjag.test", f"client {HOSTILE}")
