"""nginx with the configuration of docs/recipes, as an unprivileged process on loopback."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["binary", "check", "on_loopback", "running"]

_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
_ROOT, _NOBODY = 0, 65534
_START_SECONDS = 60
_OWN = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def binary() -> str | None:
    """The program, if it is installed."""
    return shutil.which("nginx", path=_PLACES)


def on_loopback(recipe: str, *, port: int, nodes: Sequence[int], changed: Mapping[str, str] = {}) -> str:
    """The recipe without TLS, on ports of our own; everything else in it stays as it is.

    ``changed``: what else is replaced; each must stand in the recipe.
    """
    addresses = {f"10.0.0.1{n}:8700": f"127.0.0.1:{node}" for n, node in enumerate(nodes, start=1)}
    listening = {
        "listen 443 ssl default_server;": f"listen 127.0.0.1:{port} default_server;",
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "server_name idp.acme.example;": "server_name 127.0.0.1;",
        "Host $host;": "Host $http_host;",  # as docs/operating.md says, since this issuer has a port
    }
    for old, new in {**addresses, **listening, **changed}.items():
        assert old in recipe, old
        recipe = recipe.replace(old, new)
    return re.sub(r"^ *ssl_.*\n", "", recipe, flags=re.MULTILINE)


def check(recipe: str, folder: Path) -> str:
    """What nginx says of a configuration; "" when it finds nothing wrong."""
    done = _nginx(folder, _files(recipe, folder), "-t", "-q")
    return "" if done.returncode == 0 and not done.stderr else done.stderr or "refused"


@contextmanager
def running(recipe: str, *, port: int) -> Iterator[Path]:
    """The server while the ``with`` lasts; gives its error log."""
    folder = Path(tempfile.mkdtemp(prefix="idjag-nginx-"))
    if os.geteuid() == _ROOT:
        os.chown(folder, _NOBODY, _NOBODY)
    user = _NOBODY if os.geteuid() == _ROOT else None
    process = subprocess.Popen(
        [*_command(folder, _files(recipe, folder)), "-g", "daemon off;"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    try:
        _until_it_listens(port, process)
        yield folder / "error.log"
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder)


def _files(recipe: str, folder: Path) -> Path:
    """The configuration with everything that nginx writes in the folder."""
    own = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in _OWN)
    whole = recipe.replace("http {\n", f"http {{\n    access_log off;\n{own}", 1)
    file = folder / "nginx.conf"
    file.write_text(f"pid {folder}/pid;\nerror_log {folder}/error.log notice;\n{whole}", encoding="utf-8")
    return file


def _nginx(folder: Path, file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*_command(folder, file), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def _command(folder: Path, file: Path) -> list[str]:
    program = binary()
    assert program is not None
    return [program, "-p", str(folder), "-c", str(file), "-e", f"{folder}/error.log"]


def _until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None, "nginx ended at its start"
        assert time.monotonic() < until, "nginx does not listen"
        time.sleep(0.02)
