"""What several folders of tests share: the real images, small made-up ones, a small training, and the command line."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import cache, partial
from io import StringIO
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli.__main__ import main
from cifar_cli.data.batch import Batch
from cifar_cli.data.datasets import open_dataset
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.data.download.download import DownloadError
from cifar_cli.data.hard_examples import HardExamples
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.loader import BatchLoader
from cifar_cli.data.normalize import to_unit
from cifar_cli.data.transforms.flip import random_flip
from cifar_cli.data.transforms.translate import Translate
from cifar_cli.kernels.cuda_graphs import GraphCache
from cifar_cli.optim.build_optimizer import build_optimizer
from cifar_cli.optim.losses import cross_entropy
from cifar_cli.optim.schedules import build_schedule
from cifar_cli.optim.table import AVERAGES
from cifar_cli.section import call_with_accepted, load_target
from cifar_cli.training.evaluation import evaluate
from cifar_cli.training.loop import Task
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.state import EpochTotals, TrainingState

# Taken before the fixture below removes them.
DATA_DIR = os.environ.get("CIFAR_DATA_DIR")
SHARED_DATA_DIR = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on what the person who runs it has set."""
    for name in ("CIFAR_DATA_DIR", "CIFAR_MIRROR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Threads that share tensors this small wait for each other most of the time, above all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds the real CIFAR-10 as torchvision unpacks it."""
    for root in (Path(DATA_DIR).absolute() if DATA_DIR else None, SHARED_DATA_DIR):
        if root is not None and (root / "cifar-10-batches-py" / "data_batch_1").is_file():
            return root
    pytest.skip(f"no CIFAR-10 in $CIFAR_DATA_DIR ({DATA_DIR or 'not set'}) nor in {SHARED_DATA_DIR}")


@pytest.fixture(scope="session")
def make_images() -> Callable[..., ImageSet]:
    """Returns a function that makes random pictures, 3 × 8 × 8 and of four classes unless it is told otherwise."""

    def make(
        size: int = 24, *, shape: tuple[int, int, int] = (3, 8, 8), num_classes: int = 4, seed: int = 0
    ) -> ImageSet:
        generator = torch.Generator().manual_seed(seed)
        return ImageSet(
            name="random",
            images=torch.randint(256, (size, *shape), dtype=torch.uint8, generator=generator),
            labels=torch.randint(num_classes, (size,), generator=generator),
            class_names=tuple("abcdefghij"[:num_classes]),
        )

    return make


class TinyNetwork(nn.Module):
    """Small, but with all that a resumed training could lose: BatchNorm's averages, and dropout's random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, kernel_size=3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.3)
        self.fc = nn.Linear(16, 4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.pool(self.relu(self.norm(self.conv(images))))  # (B, 4, 2, 2)
        return self.fc(self.dropout(self.flatten(features)))  # (B, 4)


class Recorder(Observer):
    """Remembers the reports, and which events came in which order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.reports: list[EpochReport] = []

    def training_started(self, state: TrainingState) -> None:
        self.events.append("started")

    def step_ended(self, state: TrainingState) -> None:
        self.events.append(f"step {state.progress.step}")

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        self.events.append(f"epoch {report.epoch}")
        self.reports.append(report)

    def training_stopped(self, state: TrainingState) -> None:
        self.events.append("stopped")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@dataclass
class TinyTraining:
    state: TrainingState
    task: Task
    runtime: Runtime
    images: ImageSet


@pytest.fixture(scope="session")
def tiny_training(make_images: Callable[..., ImageSet]) -> Callable[..., TinyTraining]:
    """Returns a function that puts a training together: 24 images in batches of 7 (so 4 steps an epoch), 2 epochs."""

    def make(
        *,
        optimizer: str = "sgd",
        optimizer_arguments: dict[str, object] | None = None,
        schedule: str = "constant",
        schedule_arguments: dict[str, object] | None = None,
        average: str = "none",
        average_arguments: dict[str, object] | None = None,
        hard_examples: tuple[float, ...] = (),
        epochs: int = 2,
        validated: bool = True,
        seed: int = 0,
        device: str = "cpu",
        is_recorded: bool = False,
    ) -> TinyTraining:
        torch.manual_seed(seed)
        model = TinyNetwork().to(device)
        runtime = Runtime(torch.device(device), "fp32")
        images = make_images(24)
        picker = HardExamples(len(images), fractions=hard_examples, device=runtime.device) if hard_examples else None
        loader = BatchLoader(images, batch_size=7, shuffle=True, seed=seed, hard_examples=picker)
        epoch_steps = [loader.batches_in(epoch) for epoch in range(epochs)]
        # Rows of numbers, which Muon cannot take, go to another optimiser, for part of the time.
        rows = {"parameters": ["*.bias", "norm.*"], "name": "adam", "lr": 0.01, "weight_decay": 0.0, "epochs": 1.5}
        groups = [rows] if optimizer == "muon" else []
        arguments = {"lr": 0.05, "weight_decay": 1e-2, "fused": True, **(optimizer_arguments or {})}
        built = build_optimizer(optimizer, model, groups=groups, **arguments)
        state = TrainingState(
            model=model,
            optimizer=built,
            scheduler=build_schedule(schedule, built, epoch_steps=epoch_steps, **(schedule_arguments or {})),
            scaler=torch.amp.GradScaler(device, enabled=False),
            augment_generator=torch.Generator(device).manual_seed(seed),
            totals=EpochTotals.zero(runtime.device),
            average=call_with_accepted(
                load_target(AVERAGES[average].target),
                (),
                {"model": model, "total_steps": sum(epoch_steps)},
                **(average_arguments or {}),
            ),
            hard_examples=picker,
        )
        move = Translate(2)

        def transform(batch: Batch, generator: torch.Generator) -> Batch:
            batch = move(random_flip(batch, generator), generator)
            return replace(batch, images=to_unit(batch.images))

        validate = partial(
            evaluate,
            model,
            loader=BatchLoader(make_images(10, seed=1), batch_size=4),
            loss=cross_entropy(),
            prepare=to_unit,
            runtime=runtime,
            num_classes=4,
        )
        task = Task(
            loader=loader,
            transform=transform,
            forward=model,
            loss=cross_entropy(),
            validate=validate if validated else None,
            epochs=epochs,
            graph_cache=GraphCache(built, device=runtime.device) if is_recorded else None,
        )
        return TinyTraining(state, task, runtime, images)

    return make


SMALL_CONFIG = """\
name: small
data: {name: synthetic, batch_size: 50, val_size: 100, augment: {flip: random, translate: 4}}
model:
  layers:
    - conv1: {type: Conv2d, out_channels: 8, kernel_size: 3, padding: 1}
    - relu1: ReLU
    - pool1: {type: MaxPool2d, kernel_size: 4}
    - flatten: Flatten
    - dropout: {type: Dropout, p: 0.1}
    - fc1: {type: Linear, out_features: 10}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
schedule: {name: cosine}
train: {epochs: 2, device: cpu, precision: fp32}
log: {feature_layers: [conv1]}
"""


@dataclass(frozen=True)
class Outcome:
    """What a command ended with and wrote."""

    code: int
    out: str
    err: str


@cache
def small_synthetic_sets() -> tuple[ImageSet, ImageSet]:
    return synthetic_sets(train_size=600, test_size=100)


@pytest.fixture(scope="session")
def cifar_in() -> Callable[..., Outcome]:
    """Returns a function that runs `cifar` with these words in a folder, in this process: torch is imported once.

    The synthetic set has 600 and 100 images there.
    """

    def run(folder: Path, *words: object) -> Outcome:
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(StringIO()) as out,
            redirect_stderr(StringIO()) as err,
        ):
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["cifar", *map(str, words)])
            patch.setattr("cifar_cli.data.datasets.synthetic.synthetic_sets", small_synthetic_sets)
            for name in ("FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "COLUMNS"):
                patch.delenv(name, raising=False)
            code = 0
            try:
                main()
            except SystemExit as exit_:
                code = int(exit_.code or 0)
        return Outcome(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def cifar(cifar_in: Callable[..., Outcome], tmp_path: Path) -> Callable[..., Outcome]:
    """Returns a function that runs `cifar` with these words in the test's own folder, which has a `small.yaml`."""
    (tmp_path / "small.yaml").write_text(SMALL_CONFIG)
    return partial(cifar_in, tmp_path)


@pytest.fixture(scope="session")
def trained(cifar_in: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """The folder of a finished run of two epochs, not to be written to, and what the training said."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "small.yaml").write_text(SMALL_CONFIG)
    outcome = cifar_in(folder, "train", "--config", "small.yaml")
    assert outcome.code == 0, outcome.err
    (run,) = (folder / "logs").iterdir()
    return run, outcome


@pytest.fixture
def run(trained: tuple[Path, Outcome], tmp_path: Path) -> Path:
    """A finished run of two epochs in `logs/` of the test's own folder, its own copy."""
    return Path(shutil.copytree(trained[0], tmp_path / "logs" / trained[0].name))


@pytest.fixture(scope="session")
def small_splits() -> open_dataset.Splits:
    """The images that a run of small.yaml sees: 500 for training, 100 for validation, 100 for the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "cifar_cli.data.datasets.synthetic.synthetic_sets", lambda: synthetic_sets(train_size=600, test_size=100)
        )
        return open_dataset.open_dataset("synthetic", val_size=100)


@pytest.fixture(scope="session")
def small_logits(small_splits: open_dataset.Splits) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
    """Returns a function from the weights of a run of small.yaml and images uint8 (B, 3, 32, 32) to logits (B, 10)."""

    def logits(weights: Mapping[str, Tensor], images: Tensor) -> Tensor:
        features = F.conv2d(normalized(images, small_splits), weights["conv1.weight"], weights["conv1.bias"], padding=1)
        pooled = F.max_pool2d(features.relu(), 4)  # (B, 8, 8, 8)
        return pooled.flatten(1) @ weights["fc1.weight"].T + weights["fc1.bias"]

    return logits


def normalized(images: Tensor, splits: open_dataset.Splits) -> Tensor:
    """Returns what the network is given, image by image and channel by channel."""
    channels = [
        (images[:, channel] / 255 - splits.mean[channel]) / splits.std[channel] for channel in range(images.shape[1])
    ]
    return torch.stack(channels, dim=1)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DownloadError("cifar-10-python.tar.gz: no mirror could be reached")

    monkeypatch.setattr("cifar_cli.data.datasets.cifar.fetch_archive", refuse)
