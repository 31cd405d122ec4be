"""The wiring of the way out: what the settings allow is what may be fetched, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from idjag.idp.app import fetcher_of, serving
from idjag.idp.settings import Settings, SettingsWrong
from idjag.trust.outbound import FetchFailed
from tests.trust.servers import Authority, Server, response

HERE, THERE = "http://127.0.0.1:8700", "https://idp.acme.example"


def settings(issuer: str, tmp_path: Path, **more: str) -> Settings:
    environ = {"IDJAG_ISSUER": issuer, "IDJAG_DATA_DIR": str(tmp_path / "data")}
    return Settings.load({**environ, **{f"IDJAG_{name.upper()}": text for name, text in more.items()}})


@pytest.mark.parametrize(
    ("issuer", "allow", "fetched"),
    [(HERE, {}, True), (THERE, {}, False), (THERE, {"outbound_allow": "127.0.0.1"}, True)],
)
def test_loopback_is_fetched_from_while_the_issuer_is_there_or_it_was_named(
    tmp_path: Path, issuer: str, allow: dict[str, str], *, fetched: bool
) -> None:
    """Contract section 3, CAU-11: a listener says whether anybody came."""
    authority = Authority(tmp_path)
    with Server(response(), tls=authority.context("127.0.0.1")) as server:
        fetcher = fetcher_of(settings(issuer, tmp_path, ca_file=str(authority.ca_file), **allow))
        url = f"https://127.0.0.1:{server.port}/"
        if fetched:
            assert fetcher.get(url, max_bytes=10).body == b"{}"
        else:
            with pytest.raises(FetchFailed, match="IDJAG_OUTBOUND_ALLOW"):
                fetcher.get(url, max_bytes=10)
        assert server.connections == int(fetched)


def test_the_proxy_of_the_settings_is_used(tmp_path: Path) -> None:
    """Contract section 3: IDJAG_OUTBOUND_PROXY."""
    with Server(response(status="403 Forbidden")) as proxy:
        fetcher = fetcher_of(settings(THERE, tmp_path, outbound_proxy=f"http://127.0.0.1:{proxy.port}"))
        with pytest.raises(FetchFailed, match="the proxy answered 403"):
            fetcher.get("https://93.184.216.34/", max_bytes=10)
        assert proxy.connections == 1


def test_a_ca_file_without_certificates_stops_the_start_by_its_name(tmp_path: Path) -> None:
    """Settings that are wrong stop the start with one message, before anything is made."""
    (tmp_path / "ca.pem").write_text("no certificate")
    wrong = settings(THERE, tmp_path, ca_file=str(tmp_path / "ca.pem"))
    with pytest.raises(SettingsWrong, match="IDJAG_CA_FILE"), serving(wrong):
        pass
    assert not (tmp_path / "data").exists()
