"""`audit verify --export`: an exported log checked by whoever has the file, without database and without key.

Rows are hashed under a key that stays with the database, so that nobody else can tell whether a row's hash is
its own.  What anybody can check: the receipt over all lines, by our published keys; that numbers and links
follow each other; that they go through the checkpoints.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from idjag.cli import Failed
from idjag.ledger import checkpoint
from idjag.ledger.chain import Break, Walk
from idjag.ledger.entry import Head
from idjag.ledger.exports import RECEIPT_TYP
from idjag.protocol import names
from idjag.protocol.jose import JoseError, KeySet, jws

__all__ = ["add_options", "verify"]

_MAX_RECEIPT = 16_384
_NO_KEY = b"nobody's"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The file, and what it is checked against."""
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="an export in NDJSON instead: needs no database, no key"
    )
    parser.add_argument(
        "--jwks", type=Path, metavar="FILE", help="with --export: our JWK Set, for its receipt"
    )


def verify(args: argparse.Namespace, *, out: TextIO) -> int:
    """Exit 1 and say what is wrong, else what was checked; raises Failed."""
    if args.jwks is None:
        raise Failed("--export: name the issuer's JWK Set too, by --jwks", code=2)
    receipt, digest = _receipt(args.export)
    claims = _claims(receipt, _keys(args.jwks))
    if claims is None or claims.get("sha256") != digest:
        print("the receipt is not of these lines", file=out)
        return 1
    whole = claims.get("after") == 0
    heads = _heads(args.checkpoint, str(claims["tenant"])) if whole else ()
    broken, last = _followed(args.export, str(claims["tenant"]), heads=heads, links=whole)
    if broken is not None:
        print(f"broken at row {broken.no}: {broken.why}", file=out)
        return 1
    print(f"the receipt is of {claims['iss']}, and numbers follow each other to row {last}", file=out)
    if whole:
        print(f"links follow each other, through {len(heads)} checkpoints", file=out)
    print("hashes of rows can be checked with the key alone: idjag audit verify", file=out)
    return 0


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise Failed(f"{path}: {(error.strerror or 'cannot be read').lower()}", code=2) from None


def _receipt(path: Path) -> tuple[str, str]:
    """The receipt in the last line, and the digest of all lines before it."""
    digest, last = hashlib.sha256(), b""
    for line in _lines(path):
        digest.update(last)
        last = line
    receipt = _event(last, path).get("receipt")
    if not isinstance(receipt, str):
        raise Failed(f"{path}: its last line is no receipt", code=2)
    return receipt, digest.hexdigest()


def _event(line: bytes, path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failed(f"{path}: a line is no event", code=2)
    return found


def _keys(path: Path) -> KeySet:
    try:
        return KeySet.parse(path.read_bytes())[0]
    except OSError as error:
        raise Failed(f"{path}: {(error.strerror or 'cannot be read').lower()}", code=2) from None
    except JoseError as wrong:
        raise Failed(f"{path}: {wrong.code}; give a JWK Set (RFC 7517)", code=2) from None


def _claims(receipt: str, keys: KeySet) -> Mapping[str, Any] | None:
    """None when none of our keys has signed it."""
    try:
        jwt = jws.parse(receipt, max_bytes=_MAX_RECEIPT)
        jws.verify(jwt, keys=keys, algorithms=names.ASYMMETRIC)
    except JoseError:
        return None
    return jwt.claims if jwt.typ == RECEIPT_TYP else None


def _heads(path: Path | None, tenant: str) -> tuple[Head, ...]:
    """The checkpoints of a file; whether they are genuine shows with the key alone."""
    if path is None:
        return ()
    try:
        return tuple(each.head for each in checkpoint.of_file(path, key=_NO_KEY) if each.tenant == tenant)
    except OSError as error:
        raise Failed(f"{path}: {(error.strerror or 'cannot be read').lower()}", code=2) from None


def _followed(path: Path, tenant: str, *, heads: tuple[Head, ...], links: bool) -> tuple[Break | None, int]:
    """What does not follow, and the last number.  Without ``links`` the file begins anywhere in the log."""
    walk: Walk | None = None
    last = 0
    for line in _lines(path):
        event = _event(line, path)
        if "receipt" in event:
            break
        row = {"no": int(event["id"]), "prev_hash": event["prev_hash"], "hash": event["hash"]}
        if walk is None:
            last = int(event["id"]) - 1
            pruned = Head("", 0, last, bytes.fromhex(str(event["prev_hash"])))
            within = [each for each in heads if each.audit_no > last]
            # a log whose beginning was pruned begins with a batch: its link is not in the file
            walk = Walk(tenant, start=pruned if last else None, heads=within)
        if links and (broken := walk.follow(row)):
            return broken, last
        if row["no"] != last + 1:
            return Break(last + 1, "this number is missing, or stands elsewhere"), last
        last += 1
    return (walk.end() if walk is not None and links else None), last
