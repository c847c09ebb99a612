"""Checkpoints from strangers, in the commands that open them: no code runs, no memory grows, nothing is downloaded."""

import resource
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.config import Experiment
from cifar_cli.runner import evaluate_model

MAX_GROWTH_BYTES = 2 * 2**30  # of the address space, which threads and libraries enlarge too
COMMANDS = [["eval", "checkpoint"], ["visualize-layer", "conv1", "checkpoint"], ["train", "--resume", "run"]]

Cifar = Callable[..., Any]


def edited(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes what is in the last checkpoint of the run, which then has no other and is not complete."""
    path = run / "checkpoints" / "last.pt"
    saved = torch.load(path, weights_only=True)
    change(saved)
    torch.save(saved, path)
    for other in ("best", "previous"):
        (path.parent / f"{other}.pt").unlink(missing_ok=True)
    (run / "summary.json").unlink()


def with_pickle(run: Path, pickled: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(run / "checkpoints" / "last.pt", "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
    (run / "checkpoints" / "previous.pt").unlink(missing_ok=True)


def resize_state(saved: dict[str, Any], value: object) -> None:
    saved["optimizer"]["state"][0]["momentum_buffer"] = value


@contextmanager
def little_memory() -> Iterator[None]:
    """Within the block, an allocation fails that makes this process grow by more than MAX_GROWTH_BYTES."""
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MAX_GROWTH_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def message(command: list[str], run: Path, cifar: Cifar) -> str:
    """Returns the command's answer to the run's last checkpoint: one error, with exit code 1, in little memory."""
    names = {"checkpoint": str(run / "checkpoints" / "last.pt"), "run": str(run)}
    with little_memory():
        outcome = cifar(*[names.get(word, word) for word in command])
    assert outcome.code == 1, outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: "), outcome.err
    assert "Traceback" not in outcome.err
    return str(outcome.err)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02cposix\nsystem\nX\x0c\x00\x00\x00touch pwned2\x85R.",
        b"\x80\x02cbuiltins\neval\nX\x15\x00\x00\x00open('pwned', 'w') and\x85R.",
        b"\x80\x02cbuiltins\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x10\x85R.",  # 16 TB, by torch's own leave
        b"\x80\x02ctorch\nTensor\n\x8a\x05\x00\x00\x00\x10\x00\x85R.",
    ],
    ids=["os.system", "eval", "bytearray", "torch.Tensor"],
)
def test_a_checkpoint_with_code_is_refused_and_nothing_runs(
    command: list[str], pickled: bytes, run: Path, cifar: Cifar
) -> None:
    before = {path for path in run.parents[1].rglob("*") if path.name != "last.pt"}
    with_pickle(run, pickled)
    assert "found something that would have to be run to be read; it was not opened" in message(command, run, cifar)
    after = {path for path in run.parents[1].rglob("*") if path.name != "last.pt"}
    assert after <= before


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("pickled", "compression", "finding"),
    [
        (bytes(200_000_000), zipfile.ZIP_DEFLATED, "found the part 'archive/data.pkl', compressed"),
        (b"N" * 4_000_000 + b".", zipfile.ZIP_STORED, "found more than 500,000 values"),
        (b"(" * 4_000_000 + b".", zipfile.ZIP_STORED, "found more than 500,000 values"),
        (b"Nr\xff\xff\xff\xff.", zipfile.ZIP_STORED, "found one without format"),
    ],
    ids=["zip bomb", "values", "nesting", "memo"],
)
def test_a_checkpoint_that_would_grow_is_refused_before_it_is_read(
    command: list[str], pickled: bytes, compression: int, finding: str, run: Path, cifar: Cifar
) -> None:
    with_pickle(run, pickled, compression)
    assert finding in message(command, run, cifar)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("model", "finding"),
    [
        # 4 and 16,000,000 terabytes of weights.
        ("{name: mlp, hidden: [1000000, 1000000]}", "expected the weights of the network its configuration describes"),
        (
            "{name: mlp, hidden: [2000000000, 2000000000]}",
            "a tensor too large for any memory; take a checkpoint as training wrote it",
        ),
        ("{name: cnn, widths: [900000, 900000]}", "expected the weights of the network its configuration describes"),
    ],
)
def test_a_network_larger_than_its_checkpoint_is_never_built(
    command: list[str], model: str, finding: str, run: Path, cifar: Cifar
) -> None:
    edited(run, lambda saved: saved.update(config=f"data: {{name: synthetic}}\nmodel: {model}\n"))
    assert finding in message(command, run, cifar)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda saved: saved["optimizer"].clear(), "found another: 'param_groups'; start a new run"),
        # A fused step does not check the size, and would write beyond the end.
        (
            lambda saved: resize_state(saved, torch.zeros(1)),
            "the optimizer's momentum_buffer does not fit its parameter",
        ),
        (lambda saved: resize_state(saved, "big"), "the optimizer's momentum_buffer does not fit its parameter"),
        (
            lambda saved: saved["optimizer"]["param_groups"][0].update(momentum=0.5),
            "the optimizer's settings are not those of the configuration; start a new run",
        ),
        (lambda saved: saved["progress"].update(speed=3), "unexpected keyword argument 'speed'; start a new run"),
        (lambda saved: saved["random"].update(torch=torch.zeros(3)), "found another: "),
        (lambda saved: saved["totals"].update(loss="much"), "found another: 'str' object has no attribute 'to'"),
    ],
    ids=["optimizer", "too little", "no tensor", "settings", "progress", "random", "totals"],
)
def test_a_state_that_does_not_fit_is_not_resumed(
    change: Callable[[dict[str, Any]], object], finding: str, run: Path, cifar: Cifar
) -> None:
    edited(run, change)
    text = message(["train", "--resume", "run"], run, cifar)
    assert "last.pt: expected the state of the training that its configuration describes, found another: " in text
    assert finding in text


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda saved: saved.update(model=[1]), "found one whose model is no dict"),
        (lambda saved: saved.update(config=3), "found one whose config is no str"),
        (lambda saved: saved.update(config="\n" * 2**20), "found one whose configuration has 1,048,576 characters"),
        (lambda saved: saved["progress"].pop("epoch"), "found one without its epoch"),
        (lambda saved: saved.update(model={"conv1.weight": "heavy"}), "expected the weights of the network its conf"),
    ],
    ids=["model", "config", "long config", "progress", "weights"],
)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_values_of_other_types_end_in_a_message(
    command: list[str], change: Callable[[dict[str, Any]], object], finding: str, run: Path, cifar: Cifar
) -> None:
    edited(run, change)
    assert finding in message(command, run, cifar)


def test_a_strangers_configuration_does_not_choose_folder_or_mirrors(
    run: Path, cifar: Cifar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, asked = run / "checkpoints" / "last.pt", []
    saved = torch.load(path, weights_only=True)
    places = "root: /stranger, mirrors: ['http://stranger.invalid/a.tar.gz']"
    saved["config"] = (tmp_path / "small.yaml").read_text().replace("name: synthetic", f"name: synthetic, {places}")
    assert places in saved["config"]
    torch.save(saved, tmp_path / "stranger.pt")

    def refuse(experiment: Experiment, **others: object) -> None:
        asked.append((experiment.data.root, experiment.data.mirrors))
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate_model, "load_data", refuse)
    cifar("eval", "stranger.pt")
    assert asked == [(None, ())]
