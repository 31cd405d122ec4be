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


TALKATIVE = """
import logging, sys
from idjag.cli import logs
logs.configure(log_format="console", level="info")
log = logging.getLogger("idjag.test")
for n in range(20_000):
    log.info("line %d of many, each as long as lines in a log are wont to be, or nearly so", n)
print("served", flush=True)
sys.stdin.readline()
log.info("after")
"""


def talkative() -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", TALKATIVE], stdin=pipe, stdout=pipe, stderr=pipe)


def test_nobody_waits_for_a_reader_who_has_stopped_reading() -> None:
    """Attack case 229: far more than a pipe holds is logged, and the process goes on; losses are told."""
    with talkative() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"served\n"
        _, err = process.communicate(b"\n")

    lines = err.decode().splitlines()
    assert process.returncode == 0
    assert lines[0].endswith("line 0 of many, each as long as lines in a log are wont to be, or nearly so")
    told = [int(line.split(": ")[1].split(" ")[0]) for line in lines if "were lost" in line]
    assert sum(told) + len([line for line in lines if "idjag.test" in line]) == 20_001


def test_a_reader_who_is_gone_ends_nothing() -> None:
    """Attack case 229: EPIPE, and SIGPIPE does not kill."""
    with talkative() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdout.readline() == b"served\n"
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait() == 0


def test_a_reader_who_never_comes_back_keeps_no_process_from_ending() -> None:
    with talkative() as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"served\n"
        process.stdin.close()
        assert process.wait() == 0
