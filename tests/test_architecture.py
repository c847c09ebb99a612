"""Holds the package to its plan: imports point down only, quick modules stay quick, every name is used once."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import cifar_cli
from cifar_cli.cli import VERBS

PACKAGE = Path(cifar_cli.__file__).parent
TESTS = Path(__file__).parent

# From top to bottom; rooms on one floor do not import each other.
FLOORS: list[set[str]] = [
    {"__main__"},
    {"cli"},
    {"commands"},
    {"lessons", "benchmark", "inspection", "diagnosis", "export", "prediction", "sweep"},
    {"runner"},
    {"builders"},
    {"report", "console"},
    {"observers"},
    {"figures"},
    {"analysis"},
    {"training"},
    {"kernels", "config", "pretrained"},
    {"optim"},
    {"distributed", "runs"},
    {"models", "data"},
    {"section", "shell", "spawn", "file_lock", "formatting", "hardware", "heavy_imports"},
    {"errors"},
    {""},  # the package itself, which holds its version and imports nothing
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

SLOW = {"torch", "torchvision", "numpy", "matplotlib", "rich", "PIL", "tensorboard", "optuna"}
QUICK_MODULES = (
    "cifar_cli.config",
    "cifar_cli.errors",
    "cifar_cli.cli",
    "cifar_cli.console.completion",
    *(verb.target.partition(":")[0] for verb in VERBS.values()),
)

# Folders of tests of the whole program and of the manual.
WITHOUT_A_MODULE = ("scenarios/", "docs/")


@dataclass(frozen=True)
class Import:
    importer: str  # dotted module names
    imported: str
    line: int
    at_module_level: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """Returns `training` for `cifar_cli.training.loop`, and nothing for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def is_for_type_checkers(node: ast.AST) -> bool:
    """Returns whether the node is an `if TYPE_CHECKING:`, whose body never runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazily = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or is_for_type_checkers(outer)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            # `from cifar_cli import config` imports the module cifar_cli.config.
            names = [
                f"{node.module}.{alias.name}" if is_module(f"{node.module}.{alias.name}") else str(node.module)
                for alias in node.names
            ]
        else:
            continue
        for name in names:
            yield Import(module_name(path), name, node.lineno, at_module_level=id(node) not in lazily)


IMPORTS = [found for path in sorted(PACKAGE.rglob("*.py")) for found in imports_of(path)]
INTERNAL = [found for found in IMPORTS if found.imported.split(".")[0] == "cifar_cli"]


def test_the_imports_are_really_read() -> None:
    # Guards the tests below, which would hold for an empty list.
    assert ("cifar_cli.training.loop", "torch", True) in {
        (found.importer, found.imported, found.at_module_level) for found in IMPORTS
    }
    train = [found for found in INTERNAL if found.importer == "cifar_cli.commands.train"]
    assert "cifar_cli.runner.start" in {found.imported for found in train if not found.at_module_level}
    assert len(INTERNAL) > 50


def test_every_room_has_its_floor() -> None:
    assert {room(module_name(path)) for path in PACKAGE.rglob("*.py")} <= FLOOR.keys()


def test_arrows_point_down_only() -> None:
    against = [
        str(found)
        for found in INTERNAL
        if room(found.importer) != room(found.imported) and FLOOR[room(found.importer)] >= FLOOR[room(found.imported)]
    ]
    assert against == []


def test_models_and_data_do_not_import_each_other() -> None:
    pairs = {("models", "data"), ("data", "models")}
    assert [str(found) for found in INTERNAL if (room(found.importer), room(found.imported)) in pairs] == []


def test_of_the_components_config_imports_the_tables_alone() -> None:
    imported = {found.imported for found in INTERNAL if room(found.importer) == "config"}
    components = {module for module in imported if room(module) in ("models", "data", "optim")}
    tables = {module for module in components if module.endswith(".table")}
    assert len(tables) == 5
    assert components - tables == {"cifar_cli.models.layer"}  # what a list of layers is made of


def test_the_table_of_commands_imports_no_other_room() -> None:
    # Imports the module of a command by name when the command is called, which tests/test_cli.py does.
    assert {found.imported for found in INTERNAL if found.importer == "cifar_cli.cli"} == {"cifar_cli"}


def test_commands_are_the_verbs_of_the_table_and_what_they_share() -> None:
    files = {path.stem for path in (PACKAGE / "commands").glob("*.py")}
    verbs = {verb.target.partition(":")[0].removeprefix("cifar_cli.commands.") for verb in VERBS.values()}
    assert files == verbs | {"__init__", "lr_option", "model_choice", "options"}


def repeated(names: Iterator[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)


def test_no_two_modules_share_a_name() -> None:
    # A verb is named as the user types it, whatever the module that does the work is called.
    modules = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "commands"]
    assert repeated(path.stem for path in modules if path.stem not in ("table", "__init__")) == []


def test_no_two_classes_share_a_name() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")]
    classes = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert "TrainingState" in classes
    assert repeated(iter(classes)) == []


def test_every_file_of_tests_stands_where_its_module_does() -> None:
    files = [path.relative_to(TESTS) for path in TESTS.rglob("test_*.py") if path.parent != TESTS]
    mirrored = [file for file in files if not file.as_posix().startswith(WITHOUT_A_MODULE)]
    assert len(mirrored) > 50
    assert [
        str(file) for file in mirrored if not (PACKAGE / file.parent / file.name.removeprefix("test_")).is_file()
    ] == []


def loaded_with(module: str) -> set[str]:
    """Returns every module, of the package or not, that importing this module imports, found by reading."""
    seen: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if name.split(".")[0] != "cifar_cli":
            continue
        parents = {name.rpartition(".")[0]} - {""}
        direct = {found.imported for found in IMPORTS if found.importer == name and found.at_module_level}
        waiting |= (parents | direct) - seen
    return seen


QUICK_BY_READING = sorted(
    {module_name(path) for path in (PACKAGE / "config").rglob("*.py")}
    | {module_name(path) for path in PACKAGE.rglob("table.py")}
    | set(QUICK_MODULES)
    | {"cifar_cli.__main__"}
)


@pytest.mark.parametrize("module", QUICK_BY_READING)
def test_a_quick_module_imports_nothing_slow(module: str) -> None:
    slow = {name for name in loaded_with(module) if name.split(".")[0] in SLOW}
    assert slow == set()


def test_every_table_is_among_the_quick_modules() -> None:
    tables = {name for name in QUICK_BY_READING if name.endswith(".table")}
    assert tables >= {f"cifar_cli.{name}.table" for name in ("models", "optim", "lessons", "data.transforms")}


def test_a_training_imports_torch() -> None:
    # Guards the tests above: torch is found where it is imported.
    assert "torch" in loaded_with("cifar_cli.runner.start")


# Each module in a process of its own, forked from one that has what takes most of the time.
IMPORT_EACH = """
import os, sys
import pydantic, typer, yaml
for module in sys.argv[1:]:
    if os.fork() == 0:
        __import__(module)
        print(module, *sorted({name.split(".")[0] for name in sys.modules}), flush=True)
        os._exit(0)
    os.wait()
"""


def test_a_fresh_python_imports_each_quick_module_without_torch() -> None:
    # By running too, because a library could import torch.
    command = [sys.executable, "-c", IMPORT_EACH, *QUICK_MODULES]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    loaded = {module: set(names) for module, *names in map(str.split, answer.stdout.splitlines())}
    assert loaded.keys() == set(QUICK_MODULES), answer.stderr
    assert all("cifar_cli" in names for names in loaded.values())
    assert {module: names & SLOW for module, names in loaded.items() if names & SLOW} == {}


def test_checking_a_configuration_imports_nothing_slow_even_within_a_function() -> None:
    # `cifar config validate` runs all of the code.
    quick = [found for found in IMPORTS if room(found.importer) in ("config", "errors")]
    assert quick
    assert [str(found) for found in quick if found.imported.split(".")[0] in SLOW] == []
