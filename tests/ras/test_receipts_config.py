"""Receipts of the standalone server: one line of ras.yaml, keys of their own, changed while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from idjag.protocol.jose import KeySet, PrivateKey
from idjag.ras.config import build, load
from idjag.ras.receipt_key import receipt_key
from idjag.ras.reloading import Reloading
from tests.ras.over_asgi import send
from tests.ras.test_config import CONTRACT, ENVIRON, write

ON = CONTRACT.replace("receipts: null", "receipts: {key_file: receipts.pem}")


def put(folder: Path, key: PrivateKey) -> Path:
    """The file of the key."""
    path = folder / "receipts.pem"
    path.write_bytes(key.to_pem())
    return path


@pytest.mark.parametrize("alg", ["ES256", "RS256", "Ed25519"])
def test_the_file_of_a_key_says_how_it_signs_and_its_name_comes_from_it(tmp_path: Path, alg: str) -> None:
    made = PrivateKey.generate(alg, kid="whatever")
    key = receipt_key(put(tmp_path, made))
    assert (key.alg, key.public.members) == (alg, made.public.members)
    assert key.kid == receipt_key(put(tmp_path, made)).kid
    assert len(key.kid) == 22


@pytest.mark.parametrize(
    "content", [b"", b"no pem", PrivateKey.generate("ES384", kid="k").to_pem(), b"x" * 20_000]
)
def test_what_is_no_key_of_ours_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "receipts.pem"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="holds no key: openssl genpkey") as refused:
        receipt_key(path)
    assert "PRIVATE" not in str(refused.value)


def test_the_keys_of_receipts_stand_apart_from_those_of_tokens(tmp_path: Path) -> None:
    """Who verifies access tokens must not take one under a key of receipts, and the other way round."""
    put(tmp_path, PrivateKey.generate("ES256", kid="k"))
    loaded = load(write(tmp_path, ON), ENVIRON)
    assert "receipt_key" not in repr(loaded)
    with build(loaded) as built:
        [published] = send(built.app, "/receipt-keys", method="GET").json["keys"]
        tokens = send(built.app, "/jwks", method="GET").json["keys"]
        metadata = send(built.app, "/.well-known/oauth-authorization-server", method="GET").json
    assert loaded.receipt_key is not None
    assert KeySet.parse({"keys": [published]})[0].keys[0].kid == loaded.receipt_key.kid
    assert published["kid"] not in [each["kid"] for each in tokens]
    assert metadata["receipt_jwks_uri"] == "https://acme.chat.example/receipt-keys"


def test_without_the_line_there_is_nothing_of_it(tmp_path: Path) -> None:
    with build(load(write(tmp_path), ENVIRON)) as built:
        assert built.receipts is None
        assert send(built.app, "/receipt-keys", method="GET").status == 404
        metadata = send(built.app, "/.well-known/oauth-authorization-server", method="GET").json
    assert "receipt_jwks_uri" not in metadata


def test_a_new_key_is_read_with_the_file_and_its_absence_takes_a_start(tmp_path: Path) -> None:
    """RAS-47."""
    put(tmp_path, PrivateKey.generate("ES256", kid="k"))
    file = write(tmp_path, ON)
    loaded = load(file, ENVIRON)
    with build(loaded) as built:
        reloading = Reloading(file, ENVIRON, loaded=loaded, built=built)
        assert built.receipts is not None
        before = built.receipts.public()
        put(tmp_path, PrivateKey.generate("ES256", kid="k"))
        assert reloading.reload(by="test") is None
        assert built.receipts.public() != before
        put(tmp_path, PrivateKey.generate("ES384", kid="k"))
        problem = reloading.reload(by="test")
        assert problem is not None
        assert "holds no key" in problem
        write(tmp_path, CONTRACT)
        assert reloading.reload(by="test") == (
            "receipts: only a start takes this up: stop the server and start it again"
        )
