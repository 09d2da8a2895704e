"""Every command brings the codes that a client sent into stored form, when it is made."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

import schema.mutations

CODES = re.compile(
    r"skus?|code|channels?|locations?|carrier|actor|owner|reference|barcode|category"
    r"|\w+_codes?|\w+_reference|(tracking|rma)_number"
)
# Currencies, countries and postal codes have standards of their own.
OTHERS = {"currency_code", "country_code", "postal_code"}


def _modules() -> Iterator[ModuleType]:
    folder = Path(next(iter(schema.mutations.__path__)))
    for layer in ("schema.mutations", "resolvers"):
        place = folder.parent.parent / layer.replace(".", "/")
        for file in sorted(place.glob("*.py")):
            yield import_module(f"{layer}.{file.stem}")


def _commands() -> dict[str, type[Any]]:
    """Frozen dataclasses of the domain and the workflows that mutations make."""
    found: dict[str, type[Any]] = {}
    for module in _modules():
        for each in vars(module).values():
            if not inspect.isclass(each) or not each.__module__.startswith(("domain", "workflows")):
                continue
            if is_dataclass(each) and _codes(each):
                found[each.__qualname__] = each
    return {name: each for name, each in found.items() if not name.endswith(READ)}


# Values that workflows make, not commands.
READ = ("Facts", "Caller", "Availability", "Context", "Outcome", "Terms")


def _codes(command: Any) -> list[str]:
    hints = get_type_hints(command)
    named = [each.name for each in fields(command) if CODES.fullmatch(each.name)]
    return [name for name in named if "str" in str(hints[name]) and name not in OTHERS]


def test_there_are_commands() -> None:
    assert len(_commands()) > 20


@pytest.mark.parametrize("name", sorted(_commands()))
def test_codes_of_a_command_are_in_stored_form(name: str) -> None:
    command = _commands()[name]
    for code in _codes(command):
        is_list = "tuple" in str(get_type_hints(command)[code])
        made = object.__new__(command)
        for each in fields(command):
            object.__setattr__(made, each.name, None)
        typed = " e\u0301\u200b"
        object.__setattr__(made, code, (typed,) if is_list else typed)
        made.__post_init__()
        assert getattr(made, code) == (("é",) if is_list else "é"), code
