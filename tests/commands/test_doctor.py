"""`cifar doctor`: the report of a healthy and of a sick machine, for people and for programs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cifar_cli
from cifar_cli.diagnosis.checklist import checklist

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "secret-1",
    "WANDB_API_KEY": "secret-2",
    "CIFAR_TOKEN": "secret-3",
    "CIFAR_MIRROR": "https://me:secret-4@example.org/x?sig=secret-5",
    "HTTPS_PROXY": "http://secret-6@proxy:3128",
}
STATUSES = {"ok", "note", "warning", "problem"}
NAMES = [check.name for check in checklist(with_mirrors=False)]


def by_name(report: Any) -> dict[str, Any]:
    return {check["name"]: check for check in report["checks"]}


def test_a_healthy_machine_gives_one_object_and_exits_with_0(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("doctor", "--json", "--seconds", 0.1)
    assert outcome.code == 0, outcome.out + outcome.err
    (line,) = outcome.out.splitlines()
    report = json.loads(line, parse_constant=pytest.fail)  # no NaN, which is not JSON
    assert list(report) == ["version", "problems", "warnings", "checks"]
    assert report["version"] == cifar_cli.__version__
    assert [check["name"] for check in report["checks"]] == NAMES
    for check in report["checks"]:
        assert list(check) == ["section", "name", "status", "text", "mend", "values"]
        assert check["status"] in STATUSES
        assert all(isinstance(check[key], str) for key in ("section", "name", "text", "mend"))
        assert isinstance(check["values"], dict)
    for status in ("problem", "warning"):
        assert report[f"{status}s"] == sum(check["status"] == status for check in report["checks"])
    found = by_name(report)
    assert found["cifar10"]["mend"] == "cifar data fetch cifar10; a training fetches it too"
    steps = found["steps"]["values"]
    assert steps["last_loss"] < steps["first_loss"]
    assert "next: cifar train --config quickstart" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"], "the doctor leaves nothing behind"


def test_a_sick_machine_gets_all_findings_with_their_mends_and_exits_with_1(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "home"
    (home / "data" / "cifar-10-batches-py").mkdir(parents=True)
    (home / "data" / "cifar-10-batches-py" / "test_batch").write_text("damaged")
    (home / "logs").touch()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CIFAR_DATA_DIR", str(home / "data"))
    outcome = cifar("doctor", "--seconds", 0, "--log-dir", home / "logs")
    assert outcome.code == 1
    rows = outcome.out.splitlines()
    assert [row for row in rows if row.startswith(" ✗ ")] == [
        " ✗ logs          problem: ~/logs: expected a folder to write to, found: Not a directory",
        " ✗ cifar10       problem: damaged: ~/data/cifar-10-batches-py/test_batch",
    ]
    assert "                 → cifar data fetch cifar10" in rows
    assert " · logs lock     not examined: needs logs" in rows
    assert outcome.err.endswith(
        "error: cifar doctor: expected no problem, found 2 that would stop a training: logs, cifar10; "
        "mend each as its line says\n"
    )
    assert "CIFAR_MIRROR=https://example.org/x?…" in " ".join(outcome.out.split())
    assert "secret" not in outcome.out + outcome.err
    assert str(tmp_path) not in outcome.out


BROKEN = {
    "missing": "raise ModuleNotFoundError(\"No module named 'torch'\")",
    "broken": "raise OSError('libcudart.so.13: cannot open shared object file\\nmore')",
    "illegal": "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("missing", "cannot be imported: ModuleNotFoundError: No module named 'torch'"),
        ("broken", "cannot be imported: OSError: libcudart.so.13: cannot open shared object file"),
        ("illegal", "the examining process ended: SIGILL"),
    ],
)
def test_a_torch_that_cannot_be_imported_is_a_finding(kind: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(BROKEN[kind])
    paths = [str(tmp_path), str(Path(cifar_cli.__file__).parents[1])]
    process = subprocess.run(
        [sys.executable, "-m", "cifar_cli", "doctor", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 1, process.stderr
    assert "Traceback" not in process.stderr
    found = by_name(json.loads(process.stdout))
    assert (found["torch"]["status"], found["torch"]["text"]) == ("problem", text)
    assert found["steps"]["text"] == found["cifar10"]["text"] == "not examined: needs torch"
    assert found["logs"]["status"] == found["memory"]["status"] == found["python"]["status"] == "ok"
    assert process.stderr.endswith("found 1 that would stop a training: torch; mend each as its line says\n")


def test_a_wrong_root_is_a_mistake_of_the_command_line(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("doctor", "--root", tmp_path / "small.yaml")
    assert outcome.code == 2
    assert "expected a folder, found a file" in outcome.err
