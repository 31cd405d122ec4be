"""Any, only these, all except these: how a rule narrows scopes and resources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PlainValidator, TypeAdapter, WithJsonSchema

from idjag.idp.catalog.addresses import ResourceUri
from idjag.idp.catalog.fields import FileEntry, Scopes, Some, refused
from idjag.policy.model import ANY, Narrowing
from idjag.protocol.resources import comparable

__all__ = [
    "ExceptResources",
    "ExceptScopes",
    "NarrowedResources",
    "NarrowedScopes",
    "narrowing_entry",
    "narrowing_spec",
    "resources_model",
    "scopes_model",
]

_ANY = "any"


class ExceptScopes(FileEntry):
    """All declared scopes except these."""

    values: Scopes = Field(alias="except")


class ExceptResources(FileEntry):
    """All declared resources except these."""

    values: Some[ResourceUri] = Field(alias="except")


def _reader(items: str, only: TypeAdapter[Any], exceptions: TypeAdapter[Any]) -> Callable[[Any], Any]:
    """Chosen by the form that was written, so that an error is about that form and at its place."""

    def read(value: Any) -> Any:
        match value:
            case "any":
                return value
            case dict():
                return exceptions.validate_python(value)
            case list():
                return only.validate_python(value)
            case _:
                raise refused(f"write any, or a list of {items}, or except with a list")

    return read


_LIST = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}}
_SCHEMA = WithJsonSchema(
    {
        "anyOf": [
            {"const": _ANY},
            _LIST,
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["except"],
                "properties": {"except": _LIST},
            },
        ]
    }
)

NarrowedScopes: TypeAlias = Annotated[
    Literal["any"] | list[str] | ExceptScopes,
    PlainValidator(_reader("scopes", TypeAdapter(Scopes), TypeAdapter(ExceptScopes))),
    _SCHEMA,
]
NarrowedResources: TypeAlias = Annotated[
    Literal["any"] | list[str] | ExceptResources,
    PlainValidator(_reader("resources", TypeAdapter(Some[ResourceUri]), TypeAdapter(ExceptResources))),
    _SCHEMA,
]


def narrowing_spec(entry: str | list[str] | ExceptScopes | ExceptResources) -> dict[str, Any]:
    """The stored form: {} is any, else only or except with sorted values as they were written."""
    match entry:
        case str():
            return {}
        case list():
            return {"only": sorted(entry)}
        case _:
            return {"except": sorted(entry.values)}


def narrowing_entry(spec: Mapping[str, Any]) -> str | list[str] | dict[str, list[str]]:
    """The file's form of the stored one."""
    if "only" in spec:
        return list(spec["only"])
    return {"except": list(spec["except"])} if "except" in spec else _ANY


def scopes_model(spec: Mapping[str, Any]) -> Narrowing:
    """The policy's value of stored scopes."""
    return _model(spec, lambda values: values)


def resources_model(spec: Mapping[str, Any]) -> Narrowing:
    """The policy's value of stored resources, in comparable form."""
    return _model(spec, lambda values: map(comparable, values))


def _model(spec: Mapping[str, Any], form: Callable[[Iterable[str]], Iterable[str]]) -> Narrowing:
    # A stored kind that this version does not know must never read as "any".
    match spec:
        case {"only": values}:
            return Narrowing("only", frozenset(form(values)))
        case {"except": values}:
            return Narrowing("except", frozenset(form(values)))
        case _ if not spec:
            return ANY
        case _:
            raise ValueError(f"unknown narrowing: {sorted(spec)}")
