"""Imports of program search go one way: what searches uses fits, both use words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import solver.search

ROOT = Path(solver.search.__file__).parent


def used_by(module: Path) -> set[str]:
    """The parts of program search that a module imports from: 'words', 'fit', or a module's name."""
    found = set()
    package = module.relative_to(ROOT.parent.parent).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            for alias in node.names:
                parts = ".".join(filter(None, [base, node.module, alias.name])).split(".")
                if parts[:2] == ["solver", "search"]:
                    found.add(parts[2])
    return found


@pytest.mark.parametrize(("package", "allowed"), [("words", {"words"}), ("fit", {"fit", "words"})])
def test_words_know_of_no_rules_and_neither_knows_of_what_searches(package, allowed):
    modules = list((ROOT / package).glob("*.py"))
    assert len(modules) > 5
    for module in modules:
        assert used_by(module) <= allowed, module.name


def test_imports_are_seen_wherever_they_stand():
    assert {"fit", "words", "stack", "views"} <= used_by(ROOT / "root.py") | used_by(ROOT / "lattice.py")


@pytest.mark.parametrize("folder", [ROOT, ROOT / "fit", ROOT / "words"])
def test_every_module_has_its_line_in_the_map_of_its_package(folder):
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    listed = {line.split()[0] for line in text.splitlines() if line.startswith("    ")}
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    packages = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert listed == modules | packages
