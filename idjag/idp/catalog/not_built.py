"""What the state file, the console and the API may name before it works: one table, refused with its words.

A field that is accepted works.  Whoever builds a thing deletes its row here, and the field's ``Reserved``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["NOT_BUILT", "Every", "not_built", "reserved"]

Every = ...
"""The value column of a row that is about the whole field."""

Row: TypeAlias = tuple[str, str, object]

NOT_BUILT: Mapping[Row, str] = {
    ("file", "tenant", Every): "tenants other than default",
    ("app", "scopes", "address"): "the address claim",
    ("app", "scopes", "phone"): "the phone claims",
    ("resource_app", "authorization_details", Every): "authorization details",
    ("resource_app", "redeem_as", Every): "redeeming on the requesting app's behalf",
    ("resource_app", "multi_tenant", True): "resource apps with several tenants behind one issuer",
    ("resource_app", "release", "groups"): "releasing groups",
    ("resource", "prefix", Every): "resources that stand for everything below them",
    ("connection", "profile", "jwt-bearer"): "grants other than ID-JAG",
    ("connection", "redeem_as", Every): "redeeming on the requesting app's behalf",
    ("connection", "actors", Every): "actors",
    ("rule", "authorization_details", Every): "authorization details",
    ("rule", "actors", Every): "actors",
    ("guardrail", "authorization_details", Every): "authorization details",
    ("guardrail", "actors", Every): "actors",
}


def not_built(noun: str, field: str, value: object = Every) -> PydanticCustomError | None:
    """The refusal of this value of this field, if the table has one."""
    why = NOT_BUILT.get((noun, field, value))
    return None if why is None else PydanticCustomError("not_built", "not built: {why}", {"why": why})


def _refuse(noun: str, field: str) -> Callable[[Any], None]:
    def refuse(value: Any) -> None:
        if value is not None and (error := not_built(noun, field)):
            raise error

    return refuse


def reserved(noun: str, field: str) -> Any:
    """The type of a field that may be written as null only; every other value is refused as not built."""
    if (noun, field, Every) not in NOT_BUILT:
        raise LookupError(f"{noun}.{field} is not in the table: if it works, it needs a type")
    why = f"not built: {NOT_BUILT[noun, field, Every]}"
    schema = WithJsonSchema({"type": "null", "description": why})
    return Annotated[None, BeforeValidator(_refuse(noun, field)), schema]
