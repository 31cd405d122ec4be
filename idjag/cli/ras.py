"""``idjag ras``: the resource authorization server as a process of its own, and what its operator does."""

from __future__ import annotations

import argparse
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from idjag.cli import Failed

if TYPE_CHECKING:
    from idjag.cli.process import Listening
    from idjag.ras.config import Loaded, Standalone
    from idjag.ras.reloading import Reloading

__all__ = ["register", "run"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    from idjag.cli import kek_steps, ras_keys, ras_things, trail
    from idjag.cli.ras_store import add_file

    parser = subparsers.add_parser("ras", help="the resource authorization server as a process of its own")
    actions = parser.add_subparsers(dest="action", required=True)
    serve = actions.add_parser("serve", help="serve until SIGTERM; SIGHUP reads the file again")
    add_file(serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=_port, default=8710, help="port to listen on; 8710 if absent")
    serve.add_argument("--workers", type=_workers, default=1, help="worker processes; with SQLite one")
    reload = actions.add_parser("reload", help="make running servers read the file again; 0 when in force")
    add_file(reload)
    ras_things.register(actions)
    ras_keys.register(actions)
    audit = actions.add_parser("audit", help="list, export and verify the audit log of this server")
    kek = actions.add_parser("kek", help="the key-encryption key of this server's database")
    for each in (*trail.add_actions(audit, dest="reading"), *kek_steps.add_actions(kek, dest="step")):
        add_file(each)


def _port(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError("must be 1 to 65535")
    return int(text)


def _workers(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise argparse.ArgumentTypeError("must be 1 to 99")
    return int(text)


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action; ``serve`` until SIGTERM or SIGINT, and what is queued is answered first."""
    from idjag.cli import ras_keys, ras_things

    match args.action:
        case "serve":
            return _serve(args, environ=environ, err=err)
        case "reload":
            return _reload(args, out=out, err=err)
        case "audit":
            return _audit(args, out=out)
        case "kek":
            return _kek(args, out=out)
        case "keys":
            return ras_keys.run(args, out=out, err=err)
    return ras_things.run(args, environ=environ, out=out, err=err)


def _serve(args: argparse.Namespace, *, environ: Mapping[str, str], err: TextIO) -> int:
    from idjag.cli import process
    from idjag.ras import config
    from idjag.ras.places import PostgresUrl
    from idjag.ras.store_sql import AccountsWrong

    try:
        loaded = _loaded(args.file, environ)
        if args.workers > 1 and not isinstance(loaded.database, PostgresUrl):
            raise Failed(
                f"--workers must be 1 with SQLite, got {args.workers}: one process writes to it at a time; "
                "several workers need PostgreSQL (database_url)",
                code=2,
            )
        built = config.build(loaded)
    except AccountsWrong as wrong:
        print(f"idjag: {args.file}: {wrong}", file=err)
        return 2
    except FileNotFoundError as missing:
        print(f"idjag: {missing.filename}: no such file", file=err)
        return 2
    listening = process.Listening(
        args.host,
        args.port,
        log_level=loaded.log_level,
        log_format=loaded.log_format,
        drain=loaded.drain,
    )
    if args.workers > 1:
        built.close()  # it was made to see whether it can be, before any worker starts
        _serve_with_workers(args, listening, issuer=loaded.config.issuer, environ=environ, err=err)
        return 0
    with built, _obeying(args, loaded, built, environ=environ, err=err):
        process.serve(built.app, listening, issuer=loaded.config.issuer, err=err)
    return 0


def _serve_with_workers(
    args: argparse.Namespace, at: Listening, *, issuer: str, environ: Mapping[str, str], err: TextIO
) -> None:
    """Each worker has a database of its own; one that takes another's place reads the file as it is then."""
    from idjag.cli import process, workers
    from idjag.ras import config

    with process.listener(at) as listener:

        def work() -> None:
            loaded = _loaded(args.file, environ)
            with config.build(loaded) as built, _obeying(args, loaded, built, environ=environ, err=err):
                process.answer(built.app, at, listener)

        where = f"{at.host}:{at.port} with {args.workers} workers"
        print(f"idjag: serving {issuer} on {where}", file=err, flush=True)
        # they have the socket too; once all of them have closed it, it must not listen for nobody
        workers.run(args.workers, work, err=err, stopping=listener.close, passed_on=(signal.SIGHUP,))


@contextmanager
def _obeying(
    args: argparse.Namespace, loaded: Loaded, built: Standalone, *, environ: Mapping[str, str], err: TextIO
) -> Iterator[None]:
    """This process hears commands and hang-ups while the ``with`` lasts."""
    from idjag.ras.control import Control
    from idjag.ras.places import control_base
    from idjag.ras.reloading import Reloading

    file = Path(args.file)
    reloading = Reloading(file, environ, loaded=loaded, built=built)
    with ExitStack() as ending:
        try:
            ending.enter_context(Control(control_base(loaded.database, file), reloading))
        except OSError as error:  # most likely its path is too long for a socket, or its folder is not ours
            print(f"idjag: `idjag ras reload` cannot reach this server, SIGHUP can: {error}", file=err)
        _on_hangup(reloading)
        yield


def _on_hangup(reloading: Reloading) -> None:
    """What service managers send to whom shall read its file again; the outcome is in the log alone."""

    def read_again(_signal: int, _frame: object) -> None:
        # not in the signal handler: the loop goes on answering meanwhile
        threading.Thread(target=reloading.reload, kwargs={"by": "SIGHUP"}).start()

    signal.signal(signal.SIGHUP, read_again)


def _reload(args: argparse.Namespace, *, out: TextIO, err: TextIO) -> int:
    """0: the new file is in force in every server; 2: it is refused, and the old one stays; 3: none runs."""
    from idjag.cli.operator import operator
    from idjag.cli.ras_store import located
    from idjag.ras.control import tell

    places = located(args.file)
    message = {"do": "reload", "file": str(places.file), "by": operator()["id"]}
    answers = tell(places.control, message)
    if not answers:
        raise Failed(f"no running server here has {places.database}: start one", code=3)
    refused = [answer.problem for answer in answers if answer.problem is not None]
    for problem in dict.fromkeys(refused):
        for line in problem.splitlines():
            print(f"idjag: {line}", file=err)
    if refused:
        print(f"idjag: the old configuration stays in force ({len(refused)} of {len(answers)})", file=err)
        return 2
    print(f"reloaded: {args.file}", file=out)
    return 0


def _audit(args: argparse.Namespace, *, out: TextIO) -> int:
    from idjag.cli import audit_export, audit_offline, trail
    from idjag.cli.ras_store import opened
    from idjag.ras.server import new_id
    from idjag.ras.store_sql.tables import TENANT

    if args.reading == "verify" and args.export is not None:
        return audit_offline.verify(args, out=out)
    about = {"subject": "account", "client_id_at_resource": "client", "actor": "by"}
    with opened(args) as store:
        database, issuer = store.database, store.places.issuer
        source = audit_export.Source(
            database.ledger,
            TENANT,
            issuer,
            store.now,
            key=database.keys.signing(now=store.now),
            record=audit_export.recorder(database.ledger, TENANT),
            new_id=new_id,
        )
        log = trail.Log(database.ledger, TENANT, database.chain_key, about, export=lambda: source)
        return trail.read(args.reading, args, log, out=out)


def _kek(args: argparse.Namespace, *, out: TextIO) -> int:
    from idjag.cli import kek_steps
    from idjag.cli.audit_export import recorder
    from idjag.cli.ras_store import opened
    from idjag.ras.places import PostgresUrl
    from idjag.ras.server import new_id
    from idjag.ras.store_sql.rewrapping import Rewrapping
    from idjag.ras.store_sql.tables import TENANT

    with opened(args) as store:
        file, rewrap = store.places.kek_file, Rewrapping(store.database, store.now)
        if args.step == "status":
            return kek_steps.status(file, rewrap.sealed(), as_json=args.json, out=out)
        record = recorder(store.database.ledger, TENANT)
        shared = isinstance(store.places.database, PostgresUrl)
        keks = kek_steps.Keks(file, rewrap, record, new_id, store.now, shared=shared, command="idjag ras kek")
        kek_steps.change(args.step, keks, out=out)
    return 0


def _loaded(file: str, environ: Mapping[str, str]) -> Loaded:
    """What ras.yaml says; one that cannot be read is a bad file, not a bad environment."""
    from idjag.ras import config

    try:
        return config.load(Path(file), environ)
    except OSError as error:
        raise Failed(
            f"{error.filename or file}: {(error.strerror or 'cannot be read').lower()}", code=2
        ) from None
