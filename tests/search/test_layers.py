"""Imports of program search go one way: what searches uses fits, both use words, and modules use those above them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import solver.search

ROOT = Path(solver.search.__file__).parent


def imported(module: Path) -> set[str]:
    """What a module imports of program search: 'words.cells', 'fit.rule', 'root', and the names in these."""
    found = set()
    package = module.relative_to(ROOT.parent.parent).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            names = [".".join(filter(None, [base, node.module, alias.name])) for alias in node.names]
            found |= {name.removeprefix("solver.search.") for name in names if name.startswith("solver.search.")}
    return found


def mapped(folder: Path) -> list[str]:
    """The modules and packages that the docstring of a package lists, in its order."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    return [line.split()[0] for line in text.splitlines() if line.startswith("    ")]


@pytest.mark.parametrize(("package", "allowed"), [("words", {"words"}), ("fit", {"fit", "words"})])
def test_words_know_of_no_rules_and_neither_knows_of_what_searches(package, allowed):
    modules = list((ROOT / package).glob("*.py"))
    assert len(modules) > 5
    for module in modules:
        assert {name.split(".")[0] for name in imported(module)} <= allowed, module.name


@pytest.mark.parametrize("package", ["words", "fit"])
def test_a_module_uses_those_that_its_package_lists_before_it(package):
    order = [name.removesuffix(".py") for name in mapped(ROOT / package)]
    for number, name in enumerate(order):
        own = {used.split(".")[1] for used in imported(ROOT / package / f"{name}.py") if used.split(".")[0] == package}
        assert own <= set(order[:number]), name


def test_imports_are_seen():
    assert {"fit.pool.Pool", "stack.stack"} <= imported(ROOT / "root.py")
    assert "words.carried.source_of" in imported(ROOT / "fit" / "divided.py")
    assert "carried" not in imported(ROOT / "fit" / "divided.py")


@pytest.mark.parametrize("folder", [ROOT, ROOT / "fit", ROOT / "words"])
def test_every_module_has_its_line_in_the_map_of_its_package(folder):
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert sorted(mapped(folder)) == sorted(modules | packages)
