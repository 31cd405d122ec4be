"""Reads the file of a running program again: all of it takes effect, or nothing does (RAS-47)."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from idjag.ras.config import Loaded, SettingsWrong, Standalone, load
from idjag.ras.control import Message
from idjag.ras.server import new_id, system_clock

__all__ = ["Reloading"]

log = logging.getLogger("idjag.ras")

# What was opened, bound or signed with at the start.
_FIXED: dict[str, Callable[[Loaded], object]] = {
    "issuer": lambda loaded: loaded.config.issuer,
    "database_url": lambda loaded: loaded.database,
    "kek_file": lambda loaded: loaded.kek_file,
    "access_token.alg": lambda loaded: loaded.alg,
    "receipts": lambda loaded: loaded.receipt_key is None,
}


class Reloading:
    """Carries out the commands that reach a running program; ``path`` is its file, ``environ`` its own."""

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str],
        *,
        loaded: Loaded,
        built: Standalone,
    ) -> None:
        self._path = path.resolve()
        self._environ = dict(environ)
        self._loaded = loaded
        self._built = built
        self._one_at_a_time = threading.Lock()

    def __call__(self, message: Message) -> str | None:
        """What stands in the way of a command; None when it is done."""
        match message:
            case {"do": "reload", "file": str(file), "by": str(by)}:
                if Path(file) != self._path:
                    return f"the server of this database reads {self._path}"
                return self.reload(by=by)
            case {"do": "forget", "issuer": str(issuer)}:
                self._built.ras.forget(issuer)
                return None
            case {"do": "keys"}:
                return self._look_at_keys()
        return "the server does not know this command: it runs another version"

    def _look_at_keys(self) -> str | None:
        try:
            self._built.signer.look()
        except Exception as failed:
            log.exception("signing keys not read again")
            return f"the server failed: {type(failed).__name__}; its log says more"
        return None

    def reload(self, *, by: str) -> str | None:
        """Why the file is refused, and the old configuration stays; None when the new one is in force."""
        with self._one_at_a_time:
            try:
                problem = self._reload(by)
            except Exception as failed:  # a fault of ours must not end the thread that listens
                log.exception("reload failed")
                problem = f"the server failed: {type(failed).__name__}; its log says more"
        if problem is None:
            log.info("configuration read again by=%s", by)
        else:
            log.warning("configuration not read again by=%s: %s", by, problem)
        return problem

    def _reload(self, by: str) -> str | None:
        from idjag.ledger.entry import Unavailable
        from idjag.ras.store_sql import AccountsWrong
        from idjag.yaml_file import FileError, FileErrors

        try:
            digest = hashlib.sha256(self._path.read_bytes()).hexdigest()
            loaded = load(self._path, self._environ)
            if fixed := self._changed_for_good(loaded):
                return f"{', '.join(fixed)}: only a start takes this up: stop the server and start it again"
            self._bring_in(loaded, digest, by)
            self._built.ras.configure(loaded.config)
        except (FileError, FileErrors, SettingsWrong, AccountsWrong, Unavailable, ValueError) as refused:
            return str(refused)
        except OSError as error:
            return f"{error.filename or self._path}: {(error.strerror or 'cannot be read').lower()}"
        if self._built.receipts is not None and loaded.receipt_key is not None:
            self._built.receipts.sign_with(loaded.receipt_key)
        self._loaded = loaded
        return None

    def _changed_for_good(self, loaded: Loaded) -> list[str]:
        return [name for name, value in _FIXED.items() if value(loaded) != value(self._loaded)]

    def _bring_in(self, loaded: Loaded, digest: str, by: str) -> None:
        """People first, in one entry: if the file and the database contradict each other, nothing changes."""
        from idjag.ledger.entry import Event
        from idjag.ras.store_sql import bring_in

        actor = {"kind": "operator", "id": by}
        inputs = {"file": self._path.name, "sha256": digest}
        applied = Event("state.applied", {"actor": actor, "inputs": inputs})
        bring_in(
            self._built.database.ledger,
            loaded.accounts,
            loaded.links,
            now=system_clock(),
            decision_id=new_id(),
            applied=applied,
        )
