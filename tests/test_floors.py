"""Imports point down only, siblings do not know each other, and slow libraries wait until they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tessellar

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(tessellar.__file__).parent
SLOW = {"astropy", "dask", "distributed", "matplotlib", "pyarrow", "ray", "torch", "xarray", "zarr", "zarrs"}
COMPILED = {"numba", "scipy"}  # slow as well, but decorators of compiled kernels need them at the top
COMPILED_PACKAGES = {"lanes", "kernels", "simulate", "compiled.py", "kept_code.py"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_arrows_point_down() -> None:
    program = Path(sys.executable).with_name("lint-imports")  # in this process it would silence all loggers
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_has_a_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert modules | packages <= placed


def test_bytes_mathematics_and_made_up_skies_share_a_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "io | kernels | simulate" in project["tool"]["importlinter"]["contracts"][0]["layers"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_slow_libraries_are_imported_where_they_are_used(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    forbidden = SLOW if room in COMPILED_PACKAGES else SLOW | COMPILED
    forbidden -= {path.stem} if room == "xarray.py" else set()  # which is there for those who have loaded it
    assert set(imported_at_once(ast.parse(path.read_text()))) & forbidden == set()


def imported_at_once(tree: ast.Module) -> Iterator[str]:
    """Yield the libraries that importing a module imports, but for those of type checking."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").split(".")[0]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def test_the_walker_sees_what_it_should() -> None:
    source = """
import zarr.core
if TYPE_CHECKING:
    import astropy
else:
    import torch
try:
    from ray import get
except ImportError:
    pass
class A:
    import dask
    def f(self):
        import xarray
from . import sibling
"""
    assert set(imported_at_once(ast.parse(source))) == {"zarr", "torch", "ray", "dask"}


def test_the_command_line_answers_before_slow_libraries_are_loaded() -> None:
    program = "import sys, tessellar.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "tessellar" in loaded
    assert loaded & (SLOW | COMPILED | {"numpy"}) == set()


def test_the_version_stands_in_three_places_and_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == tessellar.__version__
    assert f"\nversion: {tessellar.__version__}\n" in (ROOT / "CITATION.cff").read_text()
