"""The audit log through the admin API: the latest events, all of it as a file, what verifying has found."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

from idjag.cli import Failed
from idjag.cli.audit import ABOUT
from idjag.cli.audit_export import kind_of, reserve
from idjag.cli.server import Around, BrokeOff, Server
from idjag.cli.trail import lines, when
from idjag.ledger.exports import EVENT, Kind
from idjag.protocol.jose import JoseError, jws

__all__ = ["COMMANDS"]

_PAGE: Final = 500
_LONGEST_LINE: Final = 4 * 1024 * 1024
_LONGEST_RECEIPT: Final = 16_384
_ENDS: Final = {"csv": b"\r\n", "ndjson": b"\n"}
_NUMBER: Final = re.compile(rb'(?:\{"id": )?([0-9]{1,18}),')


def _list(args: argparse.Namespace, server: Server, around: Around) -> int:
    """A page at a time; what is recorded meanwhile, these questions too, is not waited for."""
    query: dict[str, str | int] = {"last": args.last, "limit": min(args.last, _PAGE)}
    while True:
        page = server.call("GET", "/audit/rows", query=query)
        for line in lines(page["items"], about=ABOUT, names=page["names"]):
            print(line, file=around.out)
        if page["next"] is None:
            return 0
        query = {"after": page["next"], "through": page["through"], "limit": _PAGE}


def _export(args: argparse.Namespace, server: Server, around: Around) -> int:
    """The file as it comes; one without its end says so itself, and is exit 3."""
    if args.receipt is not None:
        reserve(args.receipt)
    coming = _Coming(kind_of(args), around.out, args.after)
    try:
        with server.file("/audit/log", query={"after": args.after, "file": coming.kind}) as pieces:
            receipt = coming.taken(pieces)
    except (BrokeOff, Failed) as broke:
        if args.receipt is not None:
            args.receipt.unlink(missing_ok=True)
        if isinstance(broke, Failed):
            raise
        coming.spoil()
        raise Failed(
            f"{server.url}: {broke}: the export is not whole; it ends after row {coming.last}, and "
            f"--after {coming.last} goes on there",
            code=3,
        ) from None
    if receipt is not None and args.receipt is not None:
        args.receipt.write_text(f"{receipt}\n", encoding="ascii")
    elif receipt is not None and not args.csv:
        around.out.write(coming.last_line)
    return 0


@dataclass(slots=True)
class _Coming:
    """A file that comes: written line by line but for the last one, which says whether it is whole.

    ``last`` is the number of the last row that was written.
    """

    kind: Kind
    out: TextIO
    last: int
    last_line: str = ""
    _held: bytes = b""
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def taken(self, pieces: Iterable[bytes]) -> str | None:
        """All of it; the receipt, if there is one.  Raises BrokeOff."""
        for piece in pieces:
            self._held += piece
            self._write_whole_lines()
            if len(self._held) > _LONGEST_LINE:
                raise BrokeOff("a line is longer than any event")
        receipt = self._receipt()
        self.last_line = self._held.decode("utf-8")
        return receipt

    def spoil(self) -> None:
        """Nobody takes a part for the whole."""
        said = f"not whole: broke off after row {self.last}"
        self.out.write(f"{said}\r\n" if self.kind == "csv" else f'{{"incomplete": "{said}"}}\n')

    def _write_whole_lines(self) -> None:
        end = _ENDS[self.kind]
        cut = self._held.rfind(end, 0, len(self._held) - 1) + len(end)
        if cut < len(end):
            return
        whole, self._held = self._held[:cut], self._held[cut:]
        self._digest.update(whole)
        self.out.write(whole.decode("utf-8"))
        before = whole.rfind(end, 0, -len(end))
        if found := _NUMBER.match(whole, 0 if before < 0 else before + len(end)):
            self.last = int(found[1])

    def _receipt(self) -> str | None:
        """That of the last line, which is of these lines; raises BrokeOff."""
        try:
            said = json.loads(self._held)
            receipt = said["receipt"] if said["event"] == EVENT else 0
        except (ValueError, LookupError, TypeError):
            receipt = 0
        if receipt is not None and not isinstance(receipt, str):
            raise BrokeOff("its end has not come")
        if receipt is not None and not self._is_of_these_lines(receipt):
            raise BrokeOff("its receipt is of other lines")
        return receipt

    def _is_of_these_lines(self, receipt: str) -> bool:
        """By its digest; that it is signed by the issuer is checked with `audit verify --export`."""
        try:
            claims = jws.parse(receipt, max_bytes=_LONGEST_RECEIPT).claims
        except JoseError:
            return False
        return claims.get("sha256") == self._digest.hexdigest()


def _verify(args: argparse.Namespace, server: Server, around: Around) -> int:
    """What the servers found when they last verified; exit 1 unless that is that all is well."""
    if args.checkpoint is not None:
        raise Failed("--checkpoint: on the host alone, which has the key of the log", code=2)
    chain = server.call("GET", "/audit/chain")
    if chain["broken_row"] is not None:
        print(f"broken at row {chain['broken_row']}: {chain['broken_why']}", file=around.out)
        return 1
    standing = str(chain["standing"])
    said = _STANDINGS.get(standing, f"not verified: {standing}")
    proof = _proof(chain) if chain["whole_at"] is not None else ""
    print(f"{said}{proof}", file=around.out)
    return 0 if standing == "verified" else 1


def _proof(chain: Mapping[str, Any]) -> str:
    at, whole, by = when(chain["verified_at"]), when(chain["whole_at"]), chain["verified_by"]
    return (
        f" up to row {chain['verified_up_to']} at {at}, all of it at {whole}, as {by} says; "
        "the proof is idjag audit verify on the host"
    )


_STANDINGS: Final[Mapping[str, str]] = {
    "verified": "verified",
    "late": "not verified for an hour;",
    "first": "not verified: the servers have not read all of it yet",
    "forged": "not verified: what is kept of it was not written by the servers",
    "nobody": "not verified: this server does not do that",
}

COMMANDS: Final = {"audit list": _list, "audit export": _export, "audit verify": _verify}
