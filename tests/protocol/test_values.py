"""What holds for every value of the protocol: it is fixed once made, and has no room for more."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Any

import pytest

from idjag import protocol
from idjag.protocol.errors import Refused

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.iter_modules(protocol.__path__, f"{protocol.__name__}.")
    if not found.ispkg
]
VALUES: list[Any] = [
    value
    for module in MODULES
    for value in vars(module).values()
    if dataclasses.is_dataclass(value) and isinstance(value, type) and value.__module__ == module.__name__
]


def test_the_values_are_found() -> None:
    """Positive control of the tests below."""
    names = {value.__name__ for value in VALUES}
    assert names >= {"Form", "TokenRequest", "Reply", "Exchange", "IdToken", "IdJag", "AccessToken", "Proof"}


@pytest.mark.parametrize(
    "value", [value for value in VALUES if value is not Refused], ids=lambda v: v.__name__
)
def test_a_value_is_frozen_and_slotted(value: Any) -> None:
    """Style guide: nobody changes a grant between its check and its use."""
    assert value.__dataclass_params__.frozen
    assert "__slots__" in vars(value)
    assert value.__dataclass_params__.eq
