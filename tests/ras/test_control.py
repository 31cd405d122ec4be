"""The socket by which an operator's command reaches a running server."""

from __future__ import annotations

import logging
import os
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idjag.ras.control import Answered, Control, Message, tell


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Nothing more can be opened or accepted by this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_lowest_free(), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _lowest_free() -> int:
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    return free


class Warned(logging.Handler):
    """Says when the server has logged something."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.once = threading.Event()

    def emit(self, _: logging.LogRecord) -> None:
        self.once.set()

    def __enter__(self) -> None:
        logging.getLogger("idjag.ras").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("idjag.ras").removeHandler(self)


def test_a_command_is_heard_after_there_was_no_descriptor_for_one(tmp_path: Path) -> None:
    """RAS-47, attack case 230: strangers who fill the server must not keep its operator out for ever."""
    database, heard, failed = tmp_path / "ras.db", list[Message](), Warned()
    with Control(database, heard.append), socket.socket(socket.AF_UNIX) as early:
        [path] = tmp_path.glob("*.control")
        with no_descriptor_left(), failed:
            early.connect(os.fspath(path))
            early.sendall(b'{"do": "early"}\n')
            assert failed.once.wait(60)
        assert early.recv(100) == b'{"problem": null}\n'
        assert tell(database, {"do": "late"}) == [Answered(os.getpid(), None)]
    assert heard == [{"do": "early"}, {"do": "late"}]
