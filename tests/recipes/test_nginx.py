"""docs/recipes/nginx.md, executed: two nodes behind a real nginx, restarted in turn under load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.processes.nodes import NODES, Nodes
from tests.recipes import nginx
from tests.recipes.deployment import Deployment, Load

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

QUICK = {"keepalive_timeout 4s;": "keepalive_timeout 500ms;"}


@contextmanager
def behind_nginx(
    nodes: Nodes, recipe: str, *, drain: str, workers: int, changed: Mapping[str, str]
) -> Iterator[tuple[Deployment, list[ExitStack]]]:
    """The whole deployment; closing the stack of a node is what a service manager does to stop it."""
    made = Deployment.of(nodes, drain=drain, workers=workers)
    config = nginx.on_loopback(recipe, port=made.port, nodes=made.nodes.ports, changed=changed)
    with ExitStack() as stack:
        each = [stack.enter_context(ExitStack()) for _ in range(NODES)]
        for number, one in enumerate(each):
            one.enter_context(made.node(number))
        stack.enter_context(nginx.running(config, port=made.port))
        yield made, each


def restarted_in_turn(made: Deployment, each: list[ExitStack], load: Load) -> None:
    """SIGTERM, the end, a new process, and only when that is ready the next one."""
    for number, one in enumerate(each):
        load.more(50)
        one.close()
        load.more(50)  # by the other one alone
        one.enter_context(made.node(number))
    load.more(50)


def assert_nothing_was_lost(made: Deployment, load: Load, before: set[str]) -> None:
    """Every request was answered with a grant, no grant twice, and none was made that nobody got."""
    assert dict(load.statuses) == {200: load.statuses.total()}
    assert len(load.held) == len(set(load.held))
    assert set(load.held) == made.nodes.issued() - before
    assert made.nodes.acme.here("audit", "verify").code == 0


@pytest.mark.soak
def test_a_node_that_goes_loses_no_request(nodes: Nodes, recipe: str) -> None:
    """P7, attack case 227: as below, but one node goes, with one worker and after a short drain."""
    with behind_nginx(nodes, recipe, drain="1s", workers=1, changed=QUICK) as (made, each):
        load = Load(made, made.nodes.acme.sign_in())
        before = made.nodes.issued()
        with load.on(threads=4):
            load.more(20)
            each[0].close()
            load.more(20)
        assert_nothing_was_lost(made, load, before)


@pytest.mark.soak
@pytest.mark.parametrize("keep_alive", [True, False], ids=["connections kept", "a connection for each"])
def test_rolling_restarts_of_two_workers_each_lose_no_request(
    nodes: Nodes, recipe: str, *, keep_alive: bool
) -> None:
    """P7, attack case 227: as docs/recipes/nginx.md says, and without kept connections too."""
    changed = {} if keep_alive else {'proxy_set_header Connection "";': "proxy_set_header Connection close;"}
    with behind_nginx(nodes, recipe, drain="5s", workers=2, changed=changed) as (made, each):
        load = Load(made, made.nodes.acme.sign_in())
        before = made.nodes.issued()
        with load.on(threads=16):
            for _ in range(3):
                restarted_in_turn(made, each, load)
        assert_nothing_was_lost(made, load, before)


def test_the_recipe_is_one_that_nginx_takes_as_it_stands(recipe: str, tmp_path: Path) -> None:
    """TLS included: only where certificate and key lie is changed."""
    certificate, key = certified(tmp_path)
    here = recipe.replace("/etc/idjag/tls/fullchain.pem", str(certificate))
    assert nginx.check(here.replace("/etc/idjag/tls/key.pem", str(key)), tmp_path) == ""
    assert "unknown directive" in nginx.check(here.replace("proxy_pass", "proxy_pas"), tmp_path)


def certified(folder: Path) -> tuple[Path, Path]:
    """A key, and a certificate that it has signed itself."""
    from datetime import UTC, datetime, timedelta

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.acme.example")])
    begin = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    files = folder / "fullchain.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files
