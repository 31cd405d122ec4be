"""Reading YAML files: any bytes, hostile texts, JSON, and large files."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from idjag.yaml_file import _LOADER, FileError, _read, read


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("%TAG !a! b\n" * 100_000, id="directives"),
        pytest.param("&a " * 1_000_000, id="anchors"),
        pytest.param("a: " * 1_000_000, id="mappings in a line"),
        pytest.param("? " * 1_000_000, id="keys of keys"),
        pytest.param("{" * 3_000_000, id="braces"),
        pytest.param("'" * 3_000_001, id="quotes"),
        pytest.param('{"' + "\\" * 3_000_000, id="backslashes"),
    ],
)
def test_hostile_texts_are_refused_quickly(text: str) -> None:
    """Linear, whatever comes; the bound is a hundred times what it takes of a processor."""
    started = time.process_time()
    with pytest.raises(FileError):
        read(text, source="f")
    assert time.process_time() - started < 20


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff")
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('abc"\\/😀é', max_size=9), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abc"), JSON), st.booleans(), st.sampled_from([None, 2, "\t"]))
def test_json_is_yaml(tree: Any, ascii_only: Any, indent: Any) -> None:
    """Contract section 4: whatever json.dumps writes, with escapes for emoji, tabs and all."""
    text = json.dumps(tree, ensure_ascii=ascii_only, indent=indent)
    assert read(text, source="f").value == tree


def read_or_error(text: str | bytes, loader: Any = _LOADER) -> tuple[str | None, Any]:
    """The message, or no message and the value."""
    try:
        return None, _read(text, source="f", loader=loader).value
    except FileError as error:
        return str(error), None


@given(st.text(st.sampled_from("ab:-?[]{},#&*!|>'\"%@`\\ \n\t01.~é\x00\ud800\ufeff\r\x85="), max_size=60))
def test_any_text_is_a_value_or_one_error(text: str) -> None:
    """Never a traceback; both parsers agree on what is acceptable, and on its value."""
    (one, first), (two, second) = (read_or_error(text, loader) for loader in (yaml.SafeLoader, _LOADER))
    assert one is not None or two is not None or first == second


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_one_error(octets: bytes) -> None:
    """Never a traceback for any bytes."""
    error, _ = read_or_error(octets)
    assert error is None or error.isprintable()


CONNECTION = """\
  - id: wiki-chat-{0}
    profile: id-jag
    from: wiki-{0}
    to: chat
    client_id: f53f191f9311af35
    status: active
    owner: it@acme.example
    reason: "Wiki shows chat threads"
    expires: 2027-06-30T00:00:00Z
    rules:
      - id: engineers-read
        who:
          groups: [engineering]
          except: {{users: [bob]}}
        scopes:
          - chat.read
          - chat.history
        default_scopes:
          - chat.read
        resources:
          - "https://api.chat.example/"
        conditions:
          amr: [mfa]
          max_auth_age: 8h
        lifetime: 5m
      - id: everyone-reads
        who: {{everyone: true}}
        scopes:
          - chat.read
        lifetime: 5m
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="PyYAML was built without libyaml")
def test_ten_thousand_connections_are_read_in_seconds() -> None:
    """About 300,000 lines; 1.5 s of a processor here, ten times that are too much."""
    text = "version: 1\nconnections:\n" + "".join(CONNECTION.format(n) for n in range(10_000))
    assert text.count("\n") == 300_002
    started = time.process_time()
    document = read(text, source="f")
    assert time.process_time() - started < 15
    last = ("connections", 9999, "rules", 1, "scopes", 0)
    assert document.position(last) == (300_001, 13)
