"""The wheel: built, unpacked, and used from there, as someone who installs it would."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without a network."""
    pytest.importorskip("hatchling", reason="the wheel is built with hatchling: pip install -e .[test]")
    folder = tmp_path_factory.mktemp("wheel")
    script = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    run([sys.executable, "-c", script, str(folder)], cwd=ROOT)
    (built,) = folder.glob("*.whl")
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


def test_the_wheel_holds_the_package_with_its_configurations_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if not name.partition("/")[0].endswith(".dist-info")}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cifar_cli").rglob("*.py")}
    configs = {f"cifar_cli/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "configs").rglob("*.yaml")}
    templates = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cifar_cli").rglob("*.j2")}
    assert len(configs) >= 9
    assert inside == modules | configs | templates | {"cifar_cli/py.typed"}
    assert "cifar_cli/report/templates/network.html.j2" in inside


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
    assert python("-m", "cifar_cli", "config", "show", "layers/conv1").startswith("# One convolution, to look at")
