"""One class name means one thing.

A GraphQL type may carry the name of what it shows: a table, a value of the domain, or a result of
a workflow. Each other name belongs to one class. A private class shares its name with no class of
its own layer.
"""

import ast
from collections import defaultdict

from tests.architecture.source import ROOMS, modules_below

SHOWN = {"models", "domain", "workflows"}


def classes() -> dict[str, list[str]]:
    """The modules that define each class name at the top level, by the name."""
    found: dict[str, list[str]] = defaultdict(list)
    for room in ROOMS:
        for name, tree in modules_below(room):
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    found[node.name].append(name)
    return found


def layer_of(module: str) -> str:
    return module.split("/", 1)[0]


def is_twin(modules: list[str]) -> bool:
    """True if two classes are a GraphQL type and the row or object that it shows."""
    layers = sorted(map(layer_of, modules))
    return len(layers) == 2 and "schema" in layers and bool(SHOWN & set(layers))


def test_a_class_name_means_one_thing() -> None:
    several = {
        name: modules
        for name, modules in classes().items()
        if not name.startswith("_") and len(modules) > 1 and not is_twin(modules)
    }
    assert several == {}


def test_a_private_class_name_means_one_thing_in_its_layer() -> None:
    several = {
        name: modules
        for name, modules in classes().items()
        if name.startswith("_") and len(set(map(layer_of, modules))) < len(modules)
    }
    assert several == {}
