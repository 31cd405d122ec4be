"""docs/recipes/nginx-mtls.conf, executed: client certificates over TLS, through a real nginx (CAU-08)."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from idjag.demo.servers import listen, running
from idjag.idp.app import assemble
from tests.attacks.mutual_tls import HEADERS
from tests.attacks.target import exchange_of
from tests.certificates import Shown, shown
from tests.idp.grants.acme import Acme, acme, app, connection, state
from tests.processes.program import free_port
from tests.recipes import nginx

pytestmark = pytest.mark.slow

NAME = "idp.acme.example"
# today for nginx, and the day of the tests for the product
long = partial(shown, start=1_700_000_000, end=1_900_000_000)
CA = long("CA", key="ca", authority=True)
OF_CA = long("Wiki", by=CA)
OWN = long("Own", key="own")
FORGED = long("Wiki", key="somebody")
OTHER = long("Notes", key="notes", by=CA)


@dataclass(frozen=True)
class Site:
    """An IdP behind nginx, which asks for certificates on one of its two ports."""

    acme: Acme
    folder: Path
    plain: int
    mutual: int

    def exchange(
        self,
        client: str,
        certificate: Shown | None,
        *,
        port: int | None = None,
        headers: Mapping[str, str] = {},
    ) -> int:
        """The status of an exchange over a connection with this certificate."""
        form = exchange_of(self.acme.sign_in(client=client)) | {"client_id": client}
        with self._connection(port or self.mutual, certificate) as connection:
            media = {"content-type": "application/x-www-form-urlencoded", "host": NAME}
            connection.request("POST", "/token", urlencode(form), {**media, **headers})
            answered = connection.getresponse()
            content = answered.read()
        if answered.status != 200:
            assert json.loads(content)["error"] == "invalid_client"
        return answered.status

    def get(self, port: int, path: str) -> int:
        """The status of a GET without a certificate."""
        with self._connection(port, None) as connection:
            connection.request("GET", path, headers={"host": NAME})
            return connection.getresponse().status

    @contextmanager
    def _connection(self, port: int, certificate: Shown | None) -> Iterator[http.client.HTTPConnection]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / "fullchain.pem")
        context.check_hostname = False
        if certificate is not None:
            both = self.folder / "client.pem"
            both.write_bytes(certificate.pem + certificate.key_pem)
            context.load_cert_chain(both)
        connection = http.client.HTTPConnection(NAME, port, timeout=60)
        plain = socket.create_connection(("127.0.0.1", port), timeout=60)
        connection.sock = context.wrap_socket(plain, server_hostname=NAME)
        with closing(connection):
            yield connection


def _configuration(root: Path, folder: Path, *, node: int, ports: tuple[int, int]) -> str:
    """The recipe with its include, on ports of our own and with certificates of our own."""
    recipe, include = (
        (root / "docs" / "recipes" / name).read_text("utf-8") for name in ("nginx.conf", "nginx-mtls.conf")
    )
    changed = {
        "server 10.0.0.11:8700": f"server 127.0.0.1:{node}",
        "        server 10.0.0.12:8700 max_fails=0;\n": "",
        "listen 443 ssl default_server;": f"listen 127.0.0.1:{ports[0]} ssl default_server;",
        "listen 443 ssl;": f"listen 127.0.0.1:{ports[0]} ssl;",
        "listen 8443 ssl;": f"listen 127.0.0.1:{ports[1]} ssl;",
        "/etc/idjag/tls/": f"{folder}/",
    }
    whole = recipe.rstrip().removesuffix("}") + include + "}\n"
    for old, new in changed.items():
        assert old in whole, old
        whole = whole.replace(old, new)
    return whole


@pytest.fixture(scope="module")
def site(root: Path) -> Iterator[Site]:
    """In this process, but for nginx."""
    if nginx.binary() is None:
        pytest.skip("nginx is not installed: nothing is known about the recipe")
    by_subject = {"method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=Wiki,O=Acme\\, Inc."}
    by_key = {"method": "self_signed_tls_client_auth", "jwks": {"keys": [OWN.jwk(x5c=True)]}}
    known = state(
        apps=[app("tls", auth=by_subject), app("self", auth=by_key)],
        connections=[
            connection(id=f"{name}-chat", **{"from": name}, client_id=name) for name in ("tls", "self")
        ],
    )
    folder, ports = Path(tempfile.mkdtemp(prefix="idjag-mtls-")), (free_port(), free_port())
    folder.chmod(0o755)  # nginx is nobody here
    server = long(NAME, key="server", authority=True)
    for name, content in (("fullchain", server.pem), ("key", server.key_pem), ("client-ca", CA.pem)):
        (folder / f"{name}.pem").write_bytes(content)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        idp = stack.enter_context(acme(known))
        listener, base = listen(0)
        services = replace(idp.services, certificate_headers=HEADERS)
        stack.enter_context(running(assemble(services, trusted_proxies=("127.0.0.1",)), listener))
        node = int(base.rpartition(":")[2])
        config = _configuration(root, folder, node=node, ports=ports)
        stack.enter_context(nginx.running(config, port=ports[1]))
        yield Site(idp, folder, *ports)


@pytest.fixture(autouse=True)
def _later(site: Site) -> None:
    """Each test fails from the same address, which is stopped for a while then."""
    site.acme.clock.now += 120


def test_clients_come_in_with_their_certificates(site: Site) -> None:
    """CAU-08, RFC 8705 section 2: of an authority, and of their own."""
    assert site.exchange("tls", OF_CA) == 200
    assert site.exchange("self", OWN) == 200


@pytest.mark.parametrize(
    ("client", "certificate"),
    [
        pytest.param("tls", None, id="no certificate"),
        pytest.param("self", None, id="no certificate of its own"),
        pytest.param("tls", FORGED, id="the right name, which nobody has signed"),
        pytest.param("tls", OTHER, id="another name of the same authority"),
        pytest.param("self", FORGED, id="another key"),
        pytest.param("self", OF_CA, id="another client's, verified"),
    ],
)
def test_others_do_not(site: Site, client: str, certificate: Shown | None) -> None:
    """CAU-08, attack case 174."""
    assert site.exchange(client, certificate) == 401


@pytest.mark.parametrize("name", ["Client-Cert", "X-Any-Client-Cert", "Client_Cert"])
@pytest.mark.parametrize("place", ["plain", "mutual"])
def test_a_header_that_a_client_sends_reaches_no_node(site: Site, name: str, place: str) -> None:
    """CAU-08, RFC 9440 section 4: at either port, with a certificate of their own beside it or without."""
    port = site.plain if place == "plain" else site.mutual
    for client, stolen, own in (("tls", OF_CA, FORGED), ("tls", OF_CA, None), ("self", OWN, OTHER)):
        shown_ = None if place == "plain" else own
        assert site.exchange(client, shown_, port=port, headers={name: stolen.byte_sequence.decode()}) == 401


def test_where_certificates_are_asked_for_there_is_nothing_for_browsers(site: Site) -> None:
    """And where browsers come, nobody asks them for one."""
    path = "/.well-known/openid-configuration"
    assert (site.get(site.plain, path), site.get(site.mutual, path)) == (200, 404)
    assert site.get(site.mutual, "/authorize") == 404
    assert site.exchange("tls", OF_CA, port=site.plain) == 401
