"""Malformed files of every kind: a located refusal, never another exception, never a partial write."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from idjag.idp.state.apply import TestsFailed
from idjag.idp.state.plan import Problems
from idjag.idp.state.read import read as read_state
from idjag.yaml_file import FileError, FileErrors
from idjag.yaml_file import read as read_yaml
from tests.idp.state.parts import EXAMPLE, Acme, example, in_memory

OCTETS = EXAMPLE.encode()
JSON = json.dumps(example(), indent=1).encode()


def survives(octets: bytes) -> bool:
    """Apply it to an empty tenant; True when it was taken.  Refused or taken, it is never half of either."""
    with in_memory() as acme:
        empty = acme.everything()
        refusal = attempt(acme, octets)
        if refusal is None:
            assert attempt(acme, octets) is None
            return True
        assert refusal.startswith("state.yaml:")
        assert acme.everything() == empty
        assert acme.events() == []
        return False


def attempt(acme: Acme, octets: bytes) -> str | None:
    """What the reader would see; None when it was applied.  Any other exception is a fault."""
    try:
        read = read_state(read_yaml(octets, source="state.yaml"))
    except (FileError, FileErrors) as refused:
        return str(refused)
    try:
        acme.apply(octets.decode("utf-8-sig"))
    except Problems as found:
        return str(read.located(found.problems))
    except TestsFailed as failed:
        return str(read.failed(failed.failures))
    return None


def test_what_is_mutated_below_is_taken() -> None:
    """Positive control."""
    assert survives(OCTETS)
    assert survives(JSON)


edits = st.lists(
    st.tuples(
        st.integers(0, max(len(OCTETS), len(JSON)) - 1),
        st.integers(0, 3),
        st.binary(max_size=3)
        | st.sampled_from([b"\n", b"  ", b"- ", b": ", b"{", b"]", b"'", b"&a ", b"!!x ", b"\0"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=250)
@given(st.sampled_from([OCTETS, JSON]), edits)
def test_mutated_bytes_never_do_harm(octets: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    for at, length, new in changes:
        octets = octets[:at] + new + octets[at + length :]
    survives(octets)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [each for name, inside in value.items() for each in places(inside, (*path, name))]
    if isinstance(value, list):
        found += [each for number, inside in enumerate(value) for each in places(inside, (*path, number))]
    return found


PLACES = places(example())
WORDS = [
    "",
    "any",
    "active",
    "wiki",
    "chat",
    "alice",
    "engineering",
    "env:X",
    "5m",
    "\u202e",
    "x" * 300,
    "1e5",
    "null",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text(max_size=4) | st.sampled_from(WORDS),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "who", "everyone", "groups", "except", "uri", "scopes"]),
            inside,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@settings(max_examples=400)
@given(
    st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(["put", "drop", "twice"]), values), max_size=3
    )
)
def test_mutated_structures_never_do_harm(changes: list[tuple[tuple[Any, ...], str, Any]]) -> None:
    state = copy.deepcopy(example())
    for path, action, value in changes:
        state = changed(state, path, action, value)
    survives(json.dumps(state).encode())


def changed(state: Any, path: tuple[Any, ...], action: str, value: Any) -> Any:
    if not path:
        return value if action == "put" else state
    inside = state
    for step in path[:-1]:
        try:
            inside = inside[step]
        except (KeyError, IndexError, TypeError):
            return state
    last = path[-1]
    try:
        match action:
            case "put":
                inside[last] = value
            case "drop":
                del inside[last]
            case _:
                inside.append(copy.deepcopy(inside[last]))
    except (KeyError, IndexError, TypeError, AttributeError):
        pass
    return state


@given(st.binary(max_size=200))
def test_any_bytes_never_do_harm(octets: bytes) -> None:
    survives(octets)


@given(values)
def test_any_value_never_does_harm(value: Any) -> None:
    survives(json.dumps(value).encode())
