"""The command line: one table of commands, one file each; exit codes as contract section 2 says.

0 done, 1 the answer is no, 2 wrong use or bad file, 3 the environment failed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TextIO, cast

__all__ = ["main"]

NOT_BUILT = "idjag.cli.not_built"


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
    "keys": _Command("idjag.cli.keys", "signing keys"),
    "kek": _Command(NOT_BUILT, "rotate the key-encryption key"),
    "users": _Command(NOT_BUILT, "people"),
    "admin": _Command(NOT_BUILT, "administrators of the console"),
    "tenants": _Command(NOT_BUILT, "tenants"),
    "audit": _Command("idjag.cli.audit", "list, export and verify the audit log"),
    "db": _Command("idjag.cli.db", "the database schema"),
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
        print(f"idjag: {missing.name} is not installed; install idjag[idp] or idjag[standalone]", file=err)
        return 3
    if module is None:
        parser.print_help(out)
        return 2
    try:
        return module.run(args, environ=environ, out=out, err=err)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - the one place that turns our errors into an exit code
        return _failed(error, err)


def _failed(error: Exception, err: TextIO) -> int:
    code = _exit_code(error)
    if code is None:
        raise error
    print(f"idjag: {error}", file=err)
    return code


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
    }
    for kind in type(error).__mro__:
        if kind.__name__ in named:
            return named[kind.__name__]
    return 3 if isinstance(error, OSError) else None


def _parser(arguments: Sequence[str]) -> tuple[argparse.ArgumentParser, _Module | None]:
    parser = argparse.ArgumentParser(
        prog="idjag",
        description="Cross-app access: an identity provider that issues ID-JAGs, and what redeems them.",
    )
    parser.add_argument("--config", metavar="FILE", help="settings as TOML; the environment wins")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    chosen = _chosen(arguments)
    module = None
    for name, command in COMMANDS.items():
        if name == chosen and command.module != NOT_BUILT:
            module = cast("_Module", importlib.import_module(command.module))
            if name not in subparsers.choices:
                module.register(subparsers)
        elif name not in subparsers.choices:
            subparsers.add_parser(name, help=command.summary, add_help=False)
    if chosen and COMMANDS[chosen].module == NOT_BUILT:
        raise _not_built(chosen)
    return parser, module


def _chosen(arguments: Sequence[str]) -> str | None:
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "--config":
            skip = True
        elif argument in COMMANDS:
            return argument
        elif not argument.startswith("-"):
            return None
    return None


def _not_built(name: str) -> SystemExit:
    print(f"idjag: {name}: not built", file=sys.stderr)
    return SystemExit(2)
