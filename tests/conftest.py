"""What several folders of tests share: the real images, small made-up ones, and a small training with everything on."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.data.augment import Augment
from cifar_cli.data.images import ImageSet
from cifar_cli.data.loader import make_loader
from cifar_cli.data.normalize import to_unit
from cifar_cli.training.evaluation import evaluate
from cifar_cli.training.loop import Task
from cifar_cli.training.losses import cross_entropy
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.optimizers import build_optimizer
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.schedules import build_schedule
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
def two_threads() -> Iterator[None]:
    """Small tensors gain nothing from more threads, and a machine that runs tests runs other things too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(min(2, threads))
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds the real CIFAR-10 as torchvision unpacks it."""
    for root in (Path(DATA_DIR) if DATA_DIR else None, SHARED_DATA_DIR):
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
        epochs: int = 2,
        validated: bool = True,
        seed: int = 0,
        device: str = "cpu",
    ) -> TinyTraining:
        torch.manual_seed(seed)
        model = TinyNetwork().to(device)
        runtime = Runtime(torch.device(device), "fp32")
        images = make_images(24)
        loader = make_loader(images, batch_size=7, shuffle=True, seed=seed)
        built = build_optimizer(
            optimizer, model, **{"lr": 0.05, "weight_decay": 1e-2, "fused": True, **(optimizer_arguments or {})}
        )
        state = TrainingState(
            model=model,
            optimizer=built,
            scheduler=build_schedule(
                schedule, built, epochs=epochs, steps_per_epoch=len(loader), **(schedule_arguments or {})
            ),
            scaler=torch.amp.GradScaler(device, enabled=False),
            augment_generator=torch.Generator(device).manual_seed(seed),
            totals=EpochTotals.zero(runtime.device),
        )
        augment = Augment(flip=True, translate=2)
        validate = partial(
            evaluate,
            model,
            loader=make_loader(make_images(10, seed=1), batch_size=4),
            loss=cross_entropy(),
            prepare=to_unit,
            runtime=runtime,
            num_classes=4,
        )
        task = Task(
            loader=loader,
            augment_and_normalize=lambda batch, generator: to_unit(augment(batch, generator)),
            forward=model,
            loss=cross_entropy(),
            validate=validate if validated else None,
            epochs=epochs,
        )
        return TinyTraining(state, task, runtime, images)

    return make
