"""The wheel and the sdist: built, unpacked, and used from there, as someone who installs them would."""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from cifar_cli.pretrained.card import card_path, weights_path

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without a network."""
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the project's sdist, without the folder that holds them all."""
    with tarfile.open(build("sdist", tmp_path_factory.mktemp("sdist"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def build(kind: str, folder: Path) -> Path:
    """Builds the project's wheel or sdist into the folder, which is empty, and returns the file."""
    pytest.importorskip("hatchling", reason="the project is built with hatchling: pip install -e .[test]")
    script = f"import sys; from hatchling.build import build_{kind}; build_{kind}(sys.argv[1])"
    run([sys.executable, "-c", script, str(folder)], cwd=ROOT)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's contents in it."""
    folder = tmp_path_factory.mktemp("installed")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(words: Sequence[str], *, cwd: Path, **environment: str) -> str:
    process = subprocess.run(
        words, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_the_wheel_holds_the_package_with_its_configurations_and_its_manual_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if not name.partition("/")[0].endswith(".dist-info")}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cifar_cli").rglob("*.py")}
    configs = {f"cifar_cli/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "configs").rglob("*.yaml")}
    manual = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cifar_cli" / "docs").rglob("*.md")}
    assert len(configs) >= 9
    assert len(manual) >= 20
    templates = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cifar_cli").rglob("*.j2")}
    network = {f"cifar_cli/pretrained/{path.name}" for path in (weights_path(), card_path()) if path.is_file()}
    others = {"cifar_cli/py.typed", "cifar_cli/kernels/native.c", "cifar_cli/inspection/recipe_results.json"}
    assert inside == modules | configs | manual | templates | network | others
    assert "cifar_cli/report/templates/network.html.j2" in inside


def test_the_sdist_holds_the_readme_with_all_that_it_links_to_the_manual_and_the_tests(sdist_names: set[str]) -> None:
    linked = set(re.findall(r"\]\(([^)\s]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")))
    files = {path for link in linked for path in (ROOT / link, *(ROOT / link).rglob("*.md")) if path.is_file()}
    files |= {
        *(ROOT / ".images").iterdir(),
        *(ROOT / "cifar_cli" / "docs").rglob("*.md"),
        *(ROOT / "configs").rglob("*.*"),
    }
    files |= {ROOT / name for name in ("README.md", "LICENSE", "pyproject.toml", ".ci/run", "tests/test_packaging.py")}
    assert {path.relative_to(ROOT).as_posix() for path in files} - sdist_names == set()
    assert ".images/conv1.png" in sdist_names


def test_the_wheel_brings_the_command_and_the_licence(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (scripts,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "cifar = cifar_cli.__main__:main" in archive.read(scripts).decode()
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())


def test_installed_from_the_wheel_cifar_finds_its_configurations(installed: Path, tmp_path: Path) -> None:
    def python(*words: str) -> str:
        return run([sys.executable, *words], cwd=tmp_path, PYTHONPATH=str(installed))

    where = python("-c", "import cifar_cli; print(cifar_cli.__file__)").strip()
    assert Path(where) == installed / "cifar_cli" / "__init__.py"
    listed = [line.split()[0] for line in python("-m", "cifar_cli", "config", "list").splitlines()]
    assert sorted(listed) == sorted(
        path.relative_to(ROOT / "configs").with_suffix("").as_posix() for path in (ROOT / "configs").rglob("*.yaml")
    )
    assert python("-m", "cifar_cli", "docs", "data").startswith("# Data")
    assert "experiments/cnn" in python("-m", "cifar_cli", "docs")
    assert python("-m", "cifar_cli", "config", "show", "layers/conv1").startswith("# One convolution, to look at")
