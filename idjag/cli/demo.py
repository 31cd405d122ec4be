"""``idjag demo``: everything on this machine, to click through, or once by itself."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Mapping
from typing import TextIO

from idjag import cli

__all__ = ["register", "run"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("demo", help="run an IdP, a requesting app and a resource app here")
    parser.add_argument(
        "--once", action="store_true", help="drive it by itself, then stop; exit 0 if all is well"
    )


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when a step of --once did not come out as it says."""
    from idjag.demo.files import OWNER, PEOPLE
    from idjag.demo.once import NotAsSaid, once
    from idjag.demo.world import PORTS, world

    with world(cli.run, ports=(0, 0, 0) if args.once else PORTS) as made:
        if args.once:
            try:
                once(made, out)
            except NotAsSaid as wrong:
                print(f"idjag: {wrong}", file=err)
                return 1
            print("\nEverything came out as it says.", file=out)
            return 0
        print(f"Wiki, the requesting app:  {made.at.wiki}   <- start here", file=out)
        print(f"IdP:                       {made.at.idp}", file=out)
        print(f"Chat, the resource app:    {made.at.chat}", file=out)
        for username, password in PEOPLE.items():
            print(f"Sign in as:                {username} / {password}", file=out)
        print(f"The console, for {OWNER}:    {made.at.idp}/admin", file=out)
        print(f"Sign out at:               {made.at.idp}/logout", file=out)
        print("Ctrl-C stops everything.", file=out, flush=True)
        _until_stopped()
    return 0


def _until_stopped() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
