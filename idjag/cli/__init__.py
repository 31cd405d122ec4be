"""The command line: one table of commands, one file each; exit codes as contract section 2 says.

0 done, 1 the answer is no, 2 wrong use or bad file, 3 the environment failed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol, TextIO, cast

from idjag import __version__

__all__ = ["main"]

NOT_BUILT = "idjag.cli.not_built"
INTERRUPTED = 130


class _Command(NamedTuple):
    module: str
    summary: str


# A command's module is imported only when it is called: `idjag ras serve` works without the IdP's extras.
COMMANDS: dict[str, _Command] = {
    "serve": _Command("idjag.cli.serve", "run the identity provider"),
    "demo": _Command(
        "idjag.cli.demo", "run an IdP, a requesting app and a resource app here, or once by itself"
    ),
    "apply": _Command("idjag.cli.apply", "bring the state to what a file says"),
    "export": _Command("idjag.cli.export", "write the state as a file"),
    "check": _Command("idjag.cli.check", "validate and lint a file, and run its tests"),
    "ask": _Command("idjag.cli.ask", "what would be decided, and why"),
    "hold": _Command("idjag.cli.hold", "stop a user, app, connection or resource app now"),
    "release": _Command("idjag.cli.hold", "release a hold"),
    "apps": _Command("idjag.cli.apps", "client secrets of apps: make, list, retire"),
    "keys": _Command("idjag.cli.keys", "signing keys"),
    "kek": _Command("idjag.cli.kek", "rotate the key-encryption key"),
    "users": _Command("idjag.cli.users", "people: list, disable, unlock, reset, links to set a password"),
    "admin": _Command("idjag.cli.admin", "administrators: the first link, list, end; API tokens"),
    "tenants": _Command(NOT_BUILT, "tenants"),
    "audit": _Command("idjag.cli.audit", "list, export and verify the audit log"),
    "db": _Command("idjag.cli.db", "the database: schema, backup, after a restore"),
    "ras": _Command("idjag.cli.ras", "the resource authorization server as a process of its own"),
    "check-ras": _Command(NOT_BUILT, "conformance report of any RAS"),
    "inspect": _Command("idjag.cli.inspect", "decode and explain a token, offline"),
    "doctor": _Command(NOT_BUILT, "find what is wrong with an installation"),
}


class _Module(Protocol):
    def register(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None: ...

    def run(
        self, args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO
    ) -> int: ...


class _Parser(argparse.ArgumentParser):
    """Says on one line what is wrong, as every command does (contract section 2)."""

    def __init__(self, **options: Any) -> None:
        # `--prun` must not delete things because it begins like `--prune`
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Wrong use: exit 2."""
        self.exit(2, f"idjag: {message}; see {self.prog} --help\n")


class Failed(Exception):
    """A command that cannot go on: one line for standard error, and its exit code."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the only place that sees ``os.environ`` and ``sys.argv``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return run(arguments, environ=os.environ, out=sys.stdout, err=sys.stderr)


def run(arguments: Sequence[str], *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one command with its surroundings passed in."""
    try:
        parser, module = _parser(arguments)
        args = parser.parse_args(arguments)
    except SystemExit as stop:  # argparse has printed its usage
        return int(stop.code or 0)
    except ModuleNotFoundError as missing:
        return _not_installed(missing, arguments, err)
    if module is None:
        parser.print_help(out)
        return 2
    try:
        if args.server or (environ.get("IDJAG_SERVER") and args.command not in _LOCAL):
            return _remote(args, environ=environ, out=out, err=err)
        return module.run(args, environ=environ, out=out, err=err)
    except KeyboardInterrupt:
        # a server was told to stop; anything else was cut off, and its answer is not "yes"
        return 0 if "serve" in (args.command, getattr(args, "action", None)) else INTERRUPTED
    except BrokenPipeError:
        return 3
    except ModuleNotFoundError as missing:
        return _not_installed(missing, arguments, err)
    except Exception as error:  # noqa: BLE001 - the one place that turns our errors into an exit code
        return _failed(error, err)


_LOCAL = frozenset({"serve", "demo", "inspect", "ras"})
"""Commands that IDJAG_SERVER is not about."""


def _remote(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    from idjag.cli import remote  # it needs extras that `idjag ras serve` does without

    return remote.run(args, environ=environ, out=out, err=err)


def _failed(error: Exception, err: TextIO) -> int:
    code = _exit_code(error)
    if code is None:
        raise error
    for line in _text(error).splitlines():
        print(f"idjag: {line}", file=err)
    return code


def _text(error: Exception) -> str:
    """What an exception says; of the system's errors what and where, without their number."""
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror.lower()
        return f"{error.filename}: {reason}" if error.filename else reason
    return str(error) or type(error).__name__


def _not_installed(missing: ModuleNotFoundError, arguments: Sequence[str], err: TextIO) -> int:
    """The base installation has no server and no database; a module of our own that is gone is a fault."""
    if (missing.name or "idjag").partition(".")[0] == "idjag":
        raise missing
    extra = "standalone" if _chosen(arguments) == "ras" else "idp"
    extra = "postgres" if missing.name == "psycopg" else extra
    print(f"idjag: {missing.name} is not installed: pip install 'idjag[{extra}]'", file=err)
    return 3


def _exit_code(error: Exception) -> int | None:
    """Ours have a code; what the environment throws is 3; anything else is a fault and rises."""
    if isinstance(error, Failed):
        return error.code
    named = {
        "SettingsWrong": 2,
        "FileError": 2,
        "FileErrors": 2,
        "KekRefused": 3,
        "SealBroken": 3,
        "Unavailable": 3,
        "SchemaRefused": 3,
        "KeysBroken": 3,
        "OperationalError": 3,
        "ServerRefused": 3,
    }
    for kind in type(error).__mro__:
        if kind.__name__ in named:
            return named[kind.__name__]
    return 3 if isinstance(error, OSError) else None


def _parser(arguments: Sequence[str]) -> tuple[argparse.ArgumentParser, _Module | None]:
    parser: argparse.ArgumentParser = _Parser(
        prog="idjag",
        description="Cross-app access: an identity provider that issues ID-JAGs, and what redeems them.",
        epilog="Settings are IDJAG_* variables; IDJAG_ISSUER is the one that must be set. "
        "`idjag COMMAND --help` says more. Exit codes: 0 done, 1 the answer is no, "
        "2 wrong use or a bad file, 3 the environment failed.",
    )
    parser.add_argument("--version", action="version", version=f"idjag {__version__}")
    parser.add_argument(
        "--config", metavar="FILE", help="settings as TOML; the environment wins; before the command"
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="go through the admin API of this identity provider, in the role of the API token in "
        "IDJAG_API_TOKEN_FILE; before the command",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    chosen = _chosen(arguments)
    module = None
    for name, command in COMMANDS.items():
        if name == chosen and command.module != NOT_BUILT:
            module = cast("_Module", importlib.import_module(command.module))
            if name not in subparsers.choices:
                module.register(subparsers)
        elif name not in subparsers.choices:
            later = " (not built)" if command.module == NOT_BUILT else ""
            subparsers.add_parser(name, help=command.summary + later, add_help=False)
    if chosen and COMMANDS[chosen].module == NOT_BUILT:
        raise _not_built(chosen)
    return parser, module


def _chosen(arguments: Sequence[str]) -> str | None:
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("--config", "--server"):
            skip = True
        elif argument in COMMANDS:
            return argument
        elif not argument.startswith("-"):
            return None
    return None


def _not_built(name: str) -> SystemExit:
    print(f"idjag: {name}: not built", file=sys.stderr)
    return SystemExit(2)
