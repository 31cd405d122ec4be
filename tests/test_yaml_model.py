"""A document against a pydantic model: every problem, where it is, and what to change."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator, model_validator

from idjag.yaml_file import FileErrors, read, validate


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kind(StrEnum):
    WEB = "web"
    NATIVE = "native"


class Everyone(Strict):
    everyone: Literal[True]


class Some(Strict):
    groups: tuple[str, ...]


class BySecret(Strict):
    method: Literal["client_secret"]
    secret: str


class ByKey(Strict):
    method: Literal["private_key_jwt"]
    jwks_uri: str


class App(Strict):
    id: Annotated[str, Field(min_length=1, pattern=r"^[a-z-]+$")]
    kind: Kind = Kind.WEB
    auth: Annotated[BySecret | ByKey, Field(discriminator="method")] | None = None
    assigned: Everyone | Some = Everyone(everyone=True)
    scopes: tuple[str, ...] | Literal["any"] = "any"
    expires: datetime | None = None
    networks: tuple[IPv4Network, ...] = ()
    attributes: dict[str, str] = {}
    rank: Annotated[int, Field(ge=1)] = 1
    active: bool = True
    source: Annotated[str | None, Field(alias="from")] = None

    @field_validator("source")
    @classmethod
    def _known(cls, source: str | None) -> str | None:
        if source == "nobody":
            raise ValueError("names no app of this file")
        return source

    @model_validator(mode="after")
    def _native_has_no_secret(self) -> App:
        if self.kind is Kind.NATIVE and self.auth is not None:
            raise ValueError("a native app has no secret: remove auth")
        return self


class State(Strict):
    version: Literal[1]
    apps: tuple[App, ...] = ()


def problems(text: str) -> list[str]:
    with pytest.raises(FileErrors) as caught:
        validate(read(text, source="f"), State)
    assert str(caught.value) == "\n".join(map(str, caught.value.errors))
    assert caught.value.__cause__ is None
    return [str(error) for error in caught.value.errors]


GOOD = """\
version: 1
apps:
  - id: wiki
    kind: native
    assigned: {groups: [engineering]}
    scopes: [chat.read]
    expires: 2027-06-30T00:00:00Z
    networks: [10.0.0.0/8]
    attributes: {team: blue}
    rank: 2
    active: false
    from: other
  - id: chat
    auth: {method: client_secret, secret: "env:CHAT"}
"""


def test_a_good_file_becomes_the_model() -> None:
    """The positive control: times, enums, tuples and networks are made from text."""
    state = validate(read(GOOD, source="f"), State)
    wiki, chat = state.apps
    assert (wiki.kind, wiki.scopes, wiki.active, wiki.source) == (Kind.NATIVE, ("chat.read",), False, "other")
    assert wiki.expires == datetime.fromisoformat("2027-06-30T00:00:00Z")
    assert wiki.networks == (IPv4Network("10.0.0.0/8"),)
    assert chat.auth == BySecret(method="client_secret", secret="env:CHAT")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            "kind: native",
            "knid: native",
            "f:4:5: apps[0].knid: unknown field: correct its spelling or remove it",
            id="unknown field",
        ),
        pytest.param(
            "- id: wiki\n    ",
            "- ",
            "f:3:5: apps[0].id: this required field is missing: add it",
            id="missing field",
        ),
        pytest.param(
            "id: wiki", "id: 5", "f:3:9: apps[0].id: must be text: put it in quotes", id="integer for text"
        ),
        pytest.param(
            "id: wiki", "id: true", "f:3:9: apps[0].id: must be text: put it in quotes", id="true for text"
        ),
        pytest.param("id: wiki", "id: [wiki]", "f:3:9: apps[0].id: must be text", id="list for text"),
        pytest.param("id: wiki", "id:", "f:3:8: apps[0].id: must be text", id="nothing for text"),
        pytest.param(
            "id: wiki", 'id: ""', "f:3:9: apps[0].id: must have at least 1 character", id="empty text"
        ),
        pytest.param(
            "id: wiki", "id: Wiki", "f:3:9: apps[0].id: must match pattern '^[a-z-]+$'", id="pattern"
        ),
        pytest.param(
            "kind: native", "kind: tv", "f:4:11: apps[0].kind: must be 'web' or 'native'", id="enum"
        ),
        pytest.param(
            "active: false", "active: no", "f:11:13: apps[0].active: must be true or false", id="no"
        ),
        pytest.param("active: false", "active: 0", "f:11:13: apps[0].active: must be true or false", id="0"),
        pytest.param(
            "rank: 2", 'rank: "2"', "f:10:11: apps[0].rank: must be a whole number", id="text for integer"
        ),
        pytest.param(
            "rank: 2", "rank: 0", "f:10:11: apps[0].rank: must be greater than or equal to 1", id="bound"
        ),
        pytest.param(
            "attributes: {team: blue}",
            "attributes: [blue]",
            "f:9:17: apps[0].attributes: must have fields: key: value",
            id="list for mapping",
        ),
        pytest.param(
            "{team: blue}",
            '{"a b": 5}',
            "f:9:25: apps[0].attributes.'a b': must be text: put it in quotes",
            id="value of a mapping",
        ),
        pytest.param(
            "[10.0.0.0/8]",
            "[10.0.0.0/8, x]",
            "f:8:28: apps[0].networks[1]: Expected 4 octets in 'x'",
            id="item of a list",
        ),
        pytest.param("version: 1", "version: 2", "f:1:10: version: must be 1", id="version"),
        pytest.param("version: 1", 'version: "1"', "f:1:10: version: must be 1", id="version as text"),
        pytest.param(
            "scopes: [chat.read]",
            "scopes: chat.read",
            "f:6:13: apps[0].scopes: must be a list, or must be 'any'",
            id="union",
        ),
        pytest.param(
            "method: client_secret",
            "method: password",
            "f:14:11: apps[1].auth: 'method' must be 'client_secret', 'private_key_jwt'",
            id="unknown variant",
        ),
        pytest.param(
            "method: client_secret, ",
            "",
            "f:14:11: apps[1].auth: 'method' is missing: add it",
            id="variant missing",
        ),
        pytest.param(
            ', secret: "env:CHAT"',
            "",
            "f:14:11: apps[1].auth.secret: this required field is missing: add it",
            id="field of a variant",
        ),
        pytest.param(
            "from: other", "from: nobody", "f:12:11: apps[0].from: names no app of this file", id="own check"
        ),
        pytest.param(
            "- id: chat",
            "- id: chat\n    kind: native",
            "f:13:5: apps[1]: a native app has no secret: remove auth",
            id="own check of the whole",
        ),
    ],
)
def test_a_problem_is_said_with_its_place_and_what_to_change(before: str, after: str, expected: str) -> None:
    """Contract section 4: with line and column; one thing of a good file changed."""
    assert before in GOOD
    assert problems(GOOD.replace(before, after, 1)) == [expected]


def test_branches_of_a_union_are_one_place_each() -> None:
    """Both branches complain about the same field; the reader hears it once."""
    assert problems(GOOD.replace("{groups: [engineering]}", "{grops: [engineering]}")) == [
        "f:5:15: apps[0].assigned.everyone: this required field is missing: add it",
        "f:5:15: apps[0].assigned.groups: this required field is missing: add it",
        "f:5:16: apps[0].assigned.grops: unknown field: correct its spelling or remove it",
    ]


def test_all_problems_come_at_once_and_in_the_order_of_the_file() -> None:
    """Nobody likes to run a check ten times."""
    text = GOOD.replace("rank: 2", "rank: x").replace("id: chat", "id: 5").replace("version: 1", "versoin: 1")
    assert [problem.split(": ")[0] for problem in problems(text)] == ["f:1:1", "f:1:1", "f:10:11", "f:13:9"]


def test_at_most_fifty_problems_are_listed_and_the_rest_is_counted() -> None:
    """A wrong file altogether must not scroll for ever."""

    def errors(count: int) -> FileErrors:
        text = "version: 1\napps:\n" + "  - id: 5\n" * count
        with pytest.raises(FileErrors) as caught:
            validate(read(text, source="f"), State)
        return caught.value

    assert (len(errors(50).errors), errors(50).omitted) == (50, 0)
    assert (len(errors(60).errors), errors(60).omitted) == (50, 10)
    assert str(errors(60)).endswith("\nand 10 more")


@pytest.mark.parametrize("text", ["- a\n", "text\n", "5\n", "null\n"])
def test_a_file_that_is_no_mapping_is_said_so(text: str) -> None:
    """The root has no name."""
    assert problems(text) == ["f:1:1: the file: must have fields: key: value"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("kind: native", "kind: CANARY"),
        ("rank: 2", "rank: CANARY"),
        ("active: false", "active: CANARY"),
        ("2027-06-30T00:00:00Z", "CANARY"),
        ("- id: wiki", "- id: CANARY="),
        ('secret: "env:CHAT"', "secret: [CANARY]"),
        ('secret: "env:CHAT"', "sceret: CANARY"),
        ("method: client_secret", "method: [CANARY]"),
        ("scopes: [chat.read]", "scopes: CANARY"),
    ],
)
def test_values_never_show_in_messages(before: str, after: str) -> None:
    """A password that stands in the wrong place must not reach a log."""
    assert before in GOOD
    assert "CANARY" not in "".join(problems(GOOD.replace(before, after, 1)))


def test_a_root_that_is_a_list_works_too() -> None:
    """Indexes come first then."""
    model = RootModel[list[int]]
    assert validate(read("[1, 2]", source="f"), model).root == [1, 2]
    with pytest.raises(FileErrors, match=r"f:1:5: \[1\]: must be a whole number"):
        validate(read("[1, x]", source="f"), model)


def test_reading_a_file_does_not_load_pydantic() -> None:
    """Base installations have none; only validate needs it."""
    code = (
        "import sys; from idjag.yaml_file import read; read('a: 1', source='f');"
        "print(sorted({'pydantic', 'pydantic_core', 'litestar'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_the_models_own_conversions_stay_strict() -> None:
    """Strict by the rules for JSON: true is no 1, 1 is no text."""

    class Loose(BaseModel):
        number: int | None = None
        text: str | None = None
        yes: bool | None = None

    def refused(text: str) -> Any:
        with pytest.raises(FileErrors):
            validate(read(text, source="f"), Loose)

    assert validate(read("{number: 1, text: a, yes: true}", source="f"), Loose).number == 1
    refused("number: '1'")
    refused("number: true")
    refused("text: 1")
    refused("yes: 1")
    refused("yes: 'true'")
