"""A PostgreSQL server of our own for the tests: a private cluster in a temporary folder, fsync on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

__all__ = ["NOBODY", "Cluster", "binaries", "cluster"]

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
_ROOT = 0
NOBODY = 65534


def binaries() -> Path | None:
    """The folder of the newest server that is installed, if any."""
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    for place in _PLACES:
        folders += [each for each in Path("/").glob(place.lstrip("/")) if (each / "postgres").exists()]
    return max(folders, key=_version, default=None)


class Cluster:
    """A running server; its data folder is ``data``."""

    def __init__(self, bin_: Path, folder: Path) -> None:
        self._bin = bin_
        self._schemas = count(1)
        self.folder = folder
        self.data = folder / "data"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "start", "-o", self._options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` is what a power cut does."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the server, as one who pulls at a machine would."""
        for pid in self.processes():
            with suppress(ProcessLookupError):  # a connection ended meanwhile
                os.kill(pid, number)

    def kill(self) -> None:
        """What a power cut does, and more sudden than to stop it; it can be started again afterwards."""
        server = self.processes()[0]
        os.kill(server, signal.SIGSTOP)  # else it may start another process between the look and the signal
        every = self.processes()
        self.signal(signal.SIGKILL)
        while not all(map(_ended, every)):
            time.sleep(0.01)
        # Who is dead keeps his number until he is counted, and a server would take it for another one's.
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*.lock")):
            lock.unlink()

    def processes(self) -> list[int]:
        """The server, and behind it those that serve its connections and itself."""
        pid = int((self.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [pid, *map(int, children.split())]

    def url(self, schema: str | None = None) -> str:
        """How to connect; ``schema`` is the one whose tables are meant."""
        url = f"postgresql://idjag@/idjag?host={self.folder}"
        return url if schema is None else f"{url}&options=-csearch_path%3D{schema}"

    def schema(self) -> str:
        """The URL of an empty schema: a database of its own would take a hundred times longer."""
        name = f"s{next(self._schemas)}"
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}".encode())
        return self.url(name)

    def make(self) -> None:
        """Make the data folder and the database."""
        self._run("initdb", "-D", self.data, "-A", "trust", "-U", "idjag", "-E", "UTF8", "--locale=C")
        self.start()
        import psycopg

        with psycopg.connect(f"{self.url()}&dbname=postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE idjag")

    @property
    def _options(self) -> str:
        return f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c max_connections=60"

    def _run(self, program: str, *arguments: str | Path) -> None:
        # The server does not run for root.
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == _ROOT else {}
        subprocess.run(
            [self._bin / program, *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **user,  # type: ignore[call-overload]
        )


@contextmanager
def cluster(bin_: Path) -> Iterator[Cluster]:
    """A server for the length of a block."""
    # Not pytest's folder: the path of a socket has 107 octets at most.
    folder = Path(tempfile.mkdtemp(prefix="idjag-pg-"))
    if os.geteuid() == _ROOT:
        os.chown(folder, NOBODY, NOBODY)
    made = Cluster(bin_, folder)
    try:
        made.make()
        yield made
    finally:
        made.stop("immediate")
        shutil.rmtree(folder)


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # before the file was opened, or after that
        return True


def _version(folder: Path) -> tuple[int, ...]:
    text = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    number = next((word for word in text.split() if word[0].isdigit()), "0")
    return tuple(int(part) for part in number.split(".") if part.isdigit())
