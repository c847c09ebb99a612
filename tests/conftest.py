"""Fixtures of several folders of tests: real images, small random ones, a small training, and the command line."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from cifar_cli.__main__ import main
from cifar_cli.benchmark import matrix_peak, run_benchmark
from cifar_cli.benchmark.rounds import choose_steps
from cifar_cli.builders.build_model import build_meta_model
from cifar_cli.builders.build_training import Training, build_runtime, build_training
from cifar_cli.config import load_text, to_flow_yaml
from cifar_cli.data.datasets.open_dataset import Splits, open_dataset
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.data.download.download import DownloadError
from cifar_cli.data.image_set import ImageSet
from cifar_cli.export.pack_pretrained import pack
from cifar_cli.models.table import MODELS
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

# Taken before the fixture below removes them.
DATA_DIR = os.environ.get("CIFAR_DATA_DIR")
SHARED_DATA_DIR = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Calls a test with each network that an example of the table gives, or with those that have new kinds of layers.

    resnet18 and resnet34 differ in keys that their examples set: such a network is `distinct_model` once. What takes
    many seconds is tested with each `model_with_new_layers`.
    """
    for name, models in (("distinct_model", distinct_models), ("model_with_new_layers", models_with_new_layers)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, list(models()))


@cache
def distinct_models() -> dict[str, nn.Module]:
    """Returns the models whose examples differ, by name, without memory for weights."""
    found: dict[str, tuple[str, nn.Module]] = {}
    for name, keys in MODELS.items():
        if keys.is_own:  # known only with its file
            continue
        text = f"model: {to_flow_yaml({'name': name, **keys.example})}\n"
        model = build_meta_model(load_text(text, location="a test"))
        found.setdefault(repr(model), (name, model))
    return dict(found.values())


def models_with_new_layers() -> Iterator[str]:
    """Yields the distinct models that have a kind of layer that no model before has."""
    seen: set[type[nn.Module]] = set()
    for name, model in distinct_models().items():
        layers = [layer for layer in model.modules() if not list(layer.children())]
        kinds = {type(layer) for layer in layers if not isinstance(layer, nn.ModuleList)}  # an empty list is no layer
        if kinds - seen:
            yield name
        seen |= kinds


@pytest.fixture(scope="session")
def names_of_distinct_models() -> tuple[str, ...]:
    """The names that `distinct_model` has one after the other."""
    return tuple(distinct_models())


class _Operations(TorchDispatchMode):
    """Keeps the names of torch's operations."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="session")
def operations_in() -> Callable[[Callable[[], object]], set[str]]:
    """Returns the names of torch's operations in a call, without gradients."""

    def names(call: Callable[[], object]) -> set[str]:
        with _Operations() as operations, torch.no_grad():
            call()
        return operations.names

    return names


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Removes the variables that would change what tests find."""
    for name in ("CIFAR_DATA_DIR", "CIFAR_MIRROR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Has torch compute in one thread: with tensors this small, threads mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def short_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has benchmarks be short: here they may be inaccurate."""
    monkeypatch.setattr(run_benchmark, "SECONDS_TO_ESTIMATE", 0.02)
    monkeypatch.setattr(run_benchmark, "ESTIMATES", 1)
    monkeypatch.setattr(run_benchmark, "matrix_peak", partial(matrix_peak.matrix_peak, sizes=(64,), seconds=0.01))
    tenth: Callable[..., int] = lambda seconds, **rest: choose_steps(seconds / 10, **rest)  # noqa: E731
    monkeypatch.setattr(run_benchmark, "choose_steps", tenth)


@pytest.fixture
def reference_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a benchmark's reference run in this process: one of its own would import torch again."""
    monkeypatch.setattr(run_benchmark, "run_in_subprocess", lambda build, **words: nullcontext(build(**words)))


@pytest.fixture
def set_processor(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns a function that has torch report a processor with these features, without limits set by the user."""

    def set_features(*features: str) -> None:
        capabilities = {"architecture": "x86", "avx2": True, **dict.fromkeys(features, True)}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
        for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
            monkeypatch.delenv(name, raising=False)

    return set_features


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds the real CIFAR-10 as torchvision unpacks it."""
    for root in (Path(DATA_DIR).absolute() if DATA_DIR else None, SHARED_DATA_DIR):
        if root is not None and (root / "cifar-10-batches-py" / "data_batch_1").is_file():
            return root
    pytest.skip(f"no CIFAR-10 in $CIFAR_DATA_DIR ({DATA_DIR or 'not set'}) nor in {SHARED_DATA_DIR}")


@pytest.fixture(scope="session")
def make_images() -> Callable[..., ImageSet]:
    """Returns a function that makes random images, by default (24, 3, 8, 8) of four classes."""

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


class Recorder(Observer):
    """Records the reports, and the order of the events."""

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


PHOTO_CLASSES = ("ball", "crate box", "ça")
PHOTO_FORMATS = ("jpg", "png", "webp", "bmp", "gif")
TINY_CONFIG = """\
data: {name: synthetic, batch_size: 7, normalize: false, augment: {flip: random, translate: 2}}
model:
  layers:
    - conv: {type: Conv2d, out_channels: 4, kernel_size: 3, padding: 1}
    - norm: BatchNorm2d
    - relu: ReLU
    - pool: {type: AdaptiveAvgPool2d, output_size: 2}
    - flatten: Flatten
    - dropout: {type: Dropout, p: 0.3}
    - fc: {type: Linear, out_features: 4}
train: {precision: fp32}
"""
# Muon cannot take parameters with one dimension: another optimizer has them, for part of the training.
NOT_MATRICES = {"parameters": ["*.bias", "norm.*"], "name": "adam", "lr": 0.01, "weight_decay": 0.0, "epochs": 1.5}


@dataclass(frozen=True, kw_only=True)
class TinyTraining(Training):
    """A training with its images."""

    images: ImageSet


@pytest.fixture(scope="session")
def tiny_training(make_images: Callable[..., ImageSet]) -> Callable[..., TinyTraining]:
    """Returns a function that builds a training on 24 images in batches of 7: 4 steps an epoch, 2 epochs by default.

    The network is small, but has all that a resumed training could lose: BatchNorm's averages and dropout's draws.
    """

    def make(
        *,
        optimizer: str = "sgd",
        optimizer_arguments: Mapping[str, object] | None = None,
        schedule: str = "constant",
        schedule_arguments: Mapping[str, object] | None = None,
        average: str = "none",
        average_arguments: Mapping[str, object] | None = None,
        hard_examples: tuple[float, ...] = (),
        clip_grad_norm: float | None = None,
        epochs: int = 2,
        validated: bool = True,
        seed: int = 0,
        device: str = "cpu",
        is_captured: bool = False,
    ) -> TinyTraining:
        groups = [NOT_MATRICES] if optimizer == "muon" else []
        keys = {
            "seed": seed,
            "data.hard_example_fractions": list(hard_examples),
            "optimizer": {"name": optimizer, "lr": 0.05, "weight_decay": 0.01, "groups": groups}
            | dict(optimizer_arguments or {}),
            "schedule": {"name": schedule, **(schedule_arguments or {})},
            "average": {"name": average, **(average_arguments or {})},
            "train.epochs": epochs,
            "train.device": device,
            "train.cuda_graphs": "auto" if is_captured else False,
            "train.clip_grad_norm": clip_grad_norm,
        }
        overrides = [f"{key}={to_flow_yaml(value)}" for key, value in keys.items()]
        experiment = load_text(TINY_CONFIG, location="tiny.yaml", overrides=overrides)
        images, val = make_images(24), make_images(10, seed=1)
        splits = Splits(images, val if validated else None, test=val, mean=(0.5,) * 3, std=(0.25,) * 3, root=None)
        return TinyTraining(**vars(build_training(experiment, splits, build_runtime(experiment))), images=images)

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
    """A command's exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@cache
def small_synthetic_sets(train_size: int = 600, test_size: int = 100) -> tuple[ImageSet, ImageSet]:
    return synthetic_sets(train_size=train_size, test_size=test_size)


@pytest.fixture(scope="session")
def cifar_in() -> Callable[..., Outcome]:
    """Returns a function that runs `cifar` with arguments in a folder, in this process: torch is imported once.

    The synthetic set has 600 training and 100 test images there, or as many as `images` says.
    """

    def run(folder: Path, *arguments: object, images: tuple[int, int] = (600, 100)) -> Outcome:
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(StringIO()) as out,
            redirect_stderr(StringIO()) as err,
        ):
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["cifar", *map(str, arguments)])
            patch.setattr("cifar_cli.data.datasets.synthetic.synthetic_sets", partial(small_synthetic_sets, *images))
            # As in a process of its own: what an earlier command may run, this one may not.
            patch.setattr("cifar_cli.models.own.build_own._trusted", {})
            patch.setattr("cifar_cli.models.own.build_own._modules", {})
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
    """Returns a function that runs `cifar` with arguments in the test's own folder, which has a `small.yaml`."""
    (tmp_path / "small.yaml").write_text(SMALL_CONFIG)
    return partial(cifar_in, tmp_path)


@pytest.fixture(scope="session")
def trained(cifar_in: Callable[..., Outcome], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """The folder of a finished run of two epochs, read-only by agreement, and the outcome of its training."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "small.yaml").write_text(SMALL_CONFIG)
    outcome = cifar_in(folder, "train", "--config", "small.yaml")
    assert outcome.code == 0, outcome.err
    (run,) = (folder / "logs").iterdir()
    return run, outcome


@pytest.fixture(scope="session")
def packed(trained: tuple[Path, Outcome], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network in the place of the one that comes along, packed from the finished run."""
    folder = tmp_path_factory.mktemp("pretrained")
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()):
        patch.setattr("cifar_cli.data.datasets.synthetic.synthetic_sets", small_synthetic_sets)
        pack([str(trained[0])], folder=folder)
    return folder


@pytest.fixture
def pretrained(packed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder; until the end of the test, the program takes its network from there."""
    monkeypatch.setattr("cifar_cli.pretrained.card.FOLDER", packed)
    return packed


@pytest.fixture
def run(trained: tuple[Path, Outcome], tmp_path: Path) -> Path:
    """A finished run of two epochs in `logs/` of the test's own folder, its own copy."""
    return Path(shutil.copytree(trained[0], tmp_path / "logs" / trained[0].name))


@pytest.fixture(scope="session")
def small_splits() -> Splits:
    """The images of a run of small.yaml: 500 for training, 100 for validation, 100 for the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "cifar_cli.data.datasets.synthetic.synthetic_sets", lambda: synthetic_sets(train_size=600, test_size=100)
        )
        return open_dataset("synthetic", val_size=100)


@pytest.fixture(scope="session")
def small_logits(small_splits: Splits) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
    """Returns a function from the weights of a run of small.yaml and images uint8 (B, 3, 32, 32) to logits (B, 10)."""

    def logits(weights: Mapping[str, Tensor], images: Tensor) -> Tensor:
        features = F.conv2d(normalized(images, small_splits), weights["conv1.weight"], weights["conv1.bias"], padding=1)
        pooled = F.max_pool2d(features.relu(), 4)  # (B, 8, 8, 8)
        return pooled.flatten(1) @ weights["fc1.weight"].T + weights["fc1.bias"]

    return logits


def normalized(images: Tensor, splits: Splits) -> Tensor:
    """Returns the network's input for uint8 images (N, C, H, W), computed channel by channel."""
    channels = [
        (images[:, channel] / 255 - splits.mean[channel]) / splits.std[channel] for channel in range(images.shape[1])
    ]
    return torch.stack(channels, dim=1)


@pytest.fixture(scope="session")
def draw_photos() -> Callable[..., None]:
    """Returns a function that writes pictures of three classes into root/train and root/test, in several formats."""
    return write_photos


def write_photos(root: Path, *, train: int, test: int = 0, side: int = 48) -> None:
    """Writes so many pictures of each class, at least `side` pixels wide. The classes differ in colour and form."""
    random = Random(0)
    for split, count in (("train", train), ("test", test)):
        for number, name in enumerate(PHOTO_CLASSES if count else ()):
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                size = (side + random.randrange(side), side + random.randrange(side))
                colour = tuple(random.randrange(60) + (160 if channel == number else 0) for channel in range(3))
                image = Image.new("RGB", size, colour)
                draw, box = ImageDraw.Draw(image), (side // 4, side // 4, side - 2, side - 2)
                (draw.ellipse, draw.rectangle, draw.line)[number](box, fill="white")
                image.save(folder / f"photo {index:03}.{PHOTO_FORMATS[index % len(PHOTO_FORMATS)]}")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 training and 12 test pictures of three classes, read-only by agreement."""
    root = tmp_path_factory.mktemp("own") / "photos"
    write_photos(root, train=20, test=4)
    return root


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DownloadError("cifar-10-python.tar.gz: no mirror could be reached")

    monkeypatch.setattr("cifar_cli.data.datasets.cifar.fetch_archive", refuse)
