"""What `idjag --server` makes of a server that is none of ours, and of one that breaks off."""

from __future__ import annotations

import hashlib
import io
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from idjag import cli
from idjag.cli import Failed
from idjag.cli.remote_audit import _Coming
from idjag.cli.server import BrokeOff
from idjag.cli.server import Server as AdminApi
from idjag.ledger.exports import EVENT, RECEIPT_TYP
from idjag.protocol.jose import PrivateKey, jws
from tests.cli.deployment import Said
from tests.trust.servers import Server, response

KEY = PrivateKey.generate("ES256", kid="k")
NO = b'{"detail": "no\\u001b[2J", "decision_id": "d"}'
TOKEN = "idjag_a-token-that-nobody-else-reads-0123456789"


def asked(folder: Path, server: Server, *arguments: str) -> Said:
    """One command through a server of this machine."""
    file = folder / "token"
    file.write_text(TOKEN, "ascii")
    out, err = io.StringIO(), io.StringIO()
    environ = {"IDJAG_SERVER": f"http://127.0.0.1:{server.port}", "IDJAG_API_TOKEN_FILE": str(file)}
    code = cli.run(arguments, environ=environ, out=out, err=err)
    assert TOKEN not in out.getvalue() + err.getvalue()
    return Said(code, out.getvalue(), err.getvalue())


def test_a_redirect_is_not_followed_and_gets_no_token(tmp_path: Path) -> None:
    with Server(response(b'{"items": []}')) as other:
        moved = (f"Location: http://127.0.0.1:{other.port}/",)
        with Server(response(b"", status="307 Temporary Redirect", headers=moved)) as server:
            said = asked(tmp_path, server, "admin", "list")
        assert (said.code, "redirects are not followed" in said.err) == (3, True)
        assert other.connections == 0
        assert asked(tmp_path, other, "admin", "list").code == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(response(b'{"items": []}'), 0, id="ours"),
        pytest.param(response(b"<html>", headers=("Content-Type: text/html",)), 3, id="a page"),
        pytest.param(response(b"{", length=1), 3, id="no JSON"),
        pytest.param(response(b'{"items": []}', length=20), 3, id="cut off"),
        pytest.param(response(b"{}", status="502 Bad Gateway"), 3, id="a proxy's"),
        pytest.param(response(b'{"items": []}').replace(b"Content-Length", b"X"), 3, id="no end"),
        pytest.param(response(NO, status="409 Conflict"), 1, id="no"),
    ],
)
def test_what_is_no_answer_of_ours_is_a_failure_of_the_environment(
    tmp_path: Path, answer: bytes, code: int
) -> None:
    with Server(answer) as server:
        said = asked(tmp_path, server, "admin", "list")
    assert (said.code, "\x1b" in said.err) == (code, False)
    assert bool(said.err) == bool(code)


def test_what_a_refusal_says_in_a_line_is_said(tmp_path: Path) -> None:
    """An export that somebody in between asks for by HTTP/1.0 (idjag.idp.audit_files)."""
    text = ("Content-Type: text/plain",)
    with Server(
        response(b"Ask by HTTP/1.1.\n", status="505 HTTP Version Not Supported", headers=text)
    ) as server:
        said = asked(tmp_path, server, "audit", "export")
    assert (said.code, said.out) == (3, "")
    assert said.err.endswith("answered 505: Ask by HTTP/1.1.\n")
    with Server(response(b"a\x1b[2Jb", status="505 No", headers=text)) as server:
        assert asked(tmp_path, server, "audit", "export").err.endswith("answered 505\n")


def test_an_answer_without_end_is_not_read_into_memory() -> None:
    """A server that never ends its answer costs no more than the longest that is ours."""
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head)
        try:
            while sent < 2_000:
                connection.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
                sent += 1
        except OSError:
            return

    with Server(endless) as server:
        admin_api = AdminApi(f"http://127.0.0.1:{server.port}", TOKEN, longest=4 << 20)
        with pytest.raises(Failed, match="longer than 4 MiB") as failed:
            admin_api.call("GET", "/tokens")
    assert failed.value.code == 3
    assert sent < 100


ROWS = [f'{{"id": {number}, "event": "x"}}\n' for number in range(1, 4)]
CSV = ["id,event\r\n", *(f"{number},x\r\n" for number in range(1, 4))]


def last_line(lines: list[str]) -> str:
    """What stands at the end of a file that is whole."""
    claims = {"sha256": hashlib.sha256("".join(lines).encode()).hexdigest()}
    return json.dumps({"event": EVENT, "receipt": jws.sign(claims, key=KEY, typ=RECEIPT_TYP)}) + "\n"


def chunked(*pieces: str, end: bool = True) -> Callable[[socket.socket], None]:
    """Says them piece by piece, and that this was all, or not."""

    def speak(connection: socket.socket) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for piece in pieces:
            connection.sendall(f"{len(piece):x}\r\n{piece}\r\n".encode())
        connection.sendall(b"0\r\n\r\n" if end else b"")

    return speak


def test_a_file_with_its_receipt_is_written_as_it_came(tmp_path: Path) -> None:
    """Positive control of the next: NDJSON with its last line, CSV without."""
    receipt = tmp_path / "receipt"
    with Server(chunked(*ROWS, last_line(ROWS))) as server:
        said = asked(tmp_path, server, "audit", "export")
        *rows, end = said.out.splitlines(keepends=True)
        assert (said.code, rows, json.loads(end)["event"]) == (0, ROWS, EVENT)
    with Server(chunked("".join(CSV) + last_line(CSV))) as server:
        said = asked(tmp_path, server, "audit", "export", "--csv", "--receipt", str(receipt))
        assert (said.code, said.out) == (0, "".join(CSV))
    assert receipt.read_text("ascii").startswith("eyJ")


@pytest.mark.parametrize(
    ("pieces", "end", "after"),
    [
        pytest.param((*ROWS[:2], '{"id": 3, "ev'), False, 2, id="in the middle of a line"),
        pytest.param(ROWS, False, 2, id="before the last line"),
        pytest.param(ROWS, True, 2, id="without the last line, as if it were whole"),
        pytest.param((*ROWS, last_line(ROWS[:2])), True, 3, id="with the receipt of fewer"),
        pytest.param((*ROWS[:2], last_line(ROWS)), True, 2, id="with the receipt of more"),
        pytest.param((*ROWS, last_line(ROWS)[:-40]), True, 3, id="in the middle of the receipt"),
        pytest.param((), True, 0, id="empty"),
    ],
)
def test_a_part_never_looks_whole(tmp_path: Path, pieces: tuple[str, ...], *, end: bool, after: int) -> None:
    """Exit 3, a last line that is no event, and where to go on; no receipt is left of it."""
    receipt = tmp_path / "receipt"
    with Server(chunked(*pieces, end=end)) as server:
        said = asked(tmp_path, server, "audit", "export", "--receipt", str(receipt))
    assert said.code == 3
    assert f"not whole; it ends after row {after}, and --after {after} goes on there" in said.err
    *rows, spoiled = said.out.splitlines(keepends=True)
    assert rows == ROWS[:after]
    assert json.loads(spoiled) == {"incomplete": f"not whole: broke off after row {after}"}
    assert not receipt.exists()


def test_a_table_that_breaks_off_says_so_in_its_last_line(tmp_path: Path) -> None:
    with Server(chunked(*CSV, end=False)) as server:
        said = asked(tmp_path, server, "audit", "export", "--csv")
    assert (said.code, said.out) == (3, "".join(CSV[:3]) + "not whole: broke off after row 2\r\n")


def test_what_comes_is_written_before_more_is_read() -> None:
    """Constant memory: whatever the length of the log, no more than a piece and a line are held."""
    piece = "".join(f'{{"id": {number}, "event": "{"x" * 900}"}}\n' for number in range(70)).encode()
    out = io.StringIO()

    def coming() -> Iterator[bytes]:
        for number in range(20):
            assert out.tell() >= number * len(piece) - 1000
            yield piece
        yield last_line([piece.decode()] * 20).encode()

    assert _Coming("ndjson", out, 0).taken(coming()) is not None
    with pytest.raises(BrokeOff, match="longer than any event"):
        _Coming("ndjson", io.StringIO(), 0).taken(b"x" * (1 << 20) for _ in range(9))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("admin create root", "owners make further administrators"),
        ("admin reset alice", "no API token does that"),
        ("audit erase --user alice", ""),
        ("db current", "the database itself"),
        ("kek status", "never leaves the host"),
        ("inspect x.y.z", ""),
    ],
)
def test_what_is_the_hosts_alone_says_why_and_asks_nobody(line: str, why: str) -> None:
    """A first link is the host's operator's; neither a token nor a server is looked for."""
    out, err = io.StringIO(), io.StringIO()
    code = cli.run(["--server", "https://idp.example", *line.split()], environ={}, out=out, err=err)
    assert (code, out.getvalue()) == (2, "")
    assert "on the host alone, without --server" in err.getvalue()
    assert why in err.getvalue()
