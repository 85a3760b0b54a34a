"""Imports only go down: the floors of CONTRIBUTING.md, read from the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ddspfx"
FLOORS = {
    0: "types _xla",
    1: "signal clock",
    2: "block slot control listing source audio losses metrics render",
    3: "blocks testing",
    4: "models generators storage",
    5: "data alignment analysis",
    6: "fit",
    7: "report stream sweep",
    8: "cli",
}
OUTSIDE = {"ddspfx", "ddspfx.__main__"}
"""The door and what it needs: they stand in front of the house, not in it."""
PLACE = {name: floor for floor, names in FLOORS.items() for name in names.split()}


def module_of(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def modules(root: Path = ROOT) -> dict[str, Path]:
    return {module_of(path, root): path for path in sorted((root / "ddspfx").rglob("*.py"))}


def public_names() -> dict[str, str]:
    """The module behind each name that `from ddspfx import name` gives."""
    lines = re.findall(r"^from \.(\S+) import (.+)$", (PACKAGE / "__init__.pyi").read_text(), re.M)
    return {name.strip(): f"ddspfx.{module}" for module, names in lines for name in names.split(",")}


def imports(module: str, text: str, known: set[str]) -> Iterator[tuple[str, int]]:
    """Every module of ddspfx that `text` imports, also inside functions, with the line."""
    public = public_names()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.split(".")[0] == "ddspfx")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: -node.level]
                base = ".".join([*above, *filter(None, [node.module])])
            if base.split(".")[0] != "ddspfx":
                continue
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield (
                    (whole if whole in known else public.get(alias.name, base) if base == "ddspfx" else base),
                    node.lineno,
                )


def floor(module: str) -> int | None:
    steps = module.split(".")
    return PLACE.get(steps[1]) if len(steps) > 1 else None


def upward(graph: dict[str, list[tuple[str, int]]]) -> list[str]:
    """What breaks the floors, one line each."""
    found = []
    for module, targets in graph.items():
        if module in OUTSIDE:
            continue
        own = floor(module)
        if own is None:
            found.append(f"{module} stands on no floor: place it in FLOORS and in CONTRIBUTING.md")
            continue
        for target, line in targets:
            above = floor(target)
            if above is None or above > own:
                found.append(f"{module}:{line} (floor {own}) imports {target} (floor {above})")
    return found


def cycle(graph: dict[str, list[tuple[str, int]]]) -> list[str]:
    """The modules of one cycle, the first of them again at the end; empty when there is none."""
    done: set[str] = set()

    def search(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        for target, _ in graph.get(module, []):
            if target != module and (found := search(target, [*way, module])):
                return found
        done.add(module)
        return []

    return next((found for module in graph if (found := search(module, []))), [])


@pytest.fixture(scope="module")
def graph() -> dict[str, list[tuple[str, int]]]:
    known = modules()
    return {name: list(imports(name, path.read_text(), set(known))) for name, path in known.items()}


def test_imports_only_go_down(graph: dict[str, list[tuple[str, int]]]) -> None:
    assert not upward(graph), "\n".join(upward(graph))


def test_no_module_needs_itself(graph: dict[str, list[tuple[str, int]]]) -> None:
    inside = {
        name: [t for t in targets if t[0] not in OUTSIDE] for name, targets in graph.items() if name not in OUTSIDE
    }
    assert not cycle(inside), " -> ".join(cycle(inside))


def test_upward_imports_cycles_and_strangers_are_seen() -> None:
    known = {"ddspfx.signal.fir", "ddspfx.fit.fit", "ddspfx.block"}
    lazily = "def f():\n    from ddspfx.fit.fit import fit\n    from ddspfx import AbstractBlock\n"
    found = list(imports("ddspfx.signal.fir", lazily, known))
    assert [target for target, _ in found] == ["ddspfx.fit.fit", "ddspfx.block"]
    assert len(upward({"ddspfx.signal.fir": found})) == 2
    assert "stands on no floor" in upward({"ddspfx.novelty": []})[0]
    relative = list(imports("ddspfx.signal.fir", "from ..fit import fit\n", known))
    assert relative == [("ddspfx.fit.fit", 1)]
    assert cycle({"a": [("b", 1)], "b": [("c", 1)], "c": [("a", 1)]}) == ["a", "b", "c", "a"]


def test_packages_say_nothing_or_load_lazily_and_contributing_names_the_same_floors() -> None:
    spoken = [path for path in PACKAGE.rglob("__init__.py") if path.read_text().strip()]
    lazy = {path.parent for path in PACKAGE.rglob("__init__.pyi")}
    assert {path.parent for path in spoken} == {*lazy, PACKAGE / "cli"}
    rows = re.findall(r"^\| (\d) \| (.+?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    assert {int(number): " ".join(re.findall(r"`(\w+)`", names)) for number, names in rows} == FLOORS
