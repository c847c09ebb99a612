"""A component is its file and one entry: each kind is written here, added to its table, and used by every command.

The two modules below are all that a person writes. Nothing else of the package knows of them.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

TABLE = '''
from typing import Annotated, ClassVar, Literal
from pydantic import Field
from cifar_cli.data.datasets.table import DATASETS, DatasetKeys
from cifar_cli.data.transforms.augmentation import Augmentation
from cifar_cli.data.transforms.table import AUGMENTATIONS
from cifar_cli.models.table import MODELS, ModelKeys
from cifar_cli.optim.schedules.table import SCHEDULES, ScheduleKeys
from cifar_cli.optim.table import OPTIMIZERS, OptimizerKeys
from cifar_cli.section import NonNegativeFloat, PositiveInt, UnitInterval

class TinyKeys(ModelKeys):
    """A convolution and a linear layer."""
    target: ClassVar[str] = "own_code:Tiny"
    name: Literal["tiny"] = "tiny"
    width: PositiveInt = Field(4, title="the channels of the convolution")

class SignSgdKeys(OptimizerKeys):
    """Steps by the sign of the gradient."""
    target: ClassVar[str] = "own_code:SignSgd"
    name: Literal["sign_sgd"] = "sign_sgd"
    threshold: NonNegativeFloat = Field(0.0, title="smaller gradients give no step")

class HalvingKeys(ScheduleKeys):
    """Half the learning rate after each so many epochs."""
    target: ClassVar[str] = "own_code:halving"
    is_extendable: ClassVar[bool] = True
    name: Literal["halving"] = "halving"
    every_epochs: PositiveInt = Field(1, title="epochs between two changes")

class StripesKeys(DatasetKeys):
    """Horizontal and vertical stripes."""
    target: ClassVar[str] = "own_code:STRIPES"
    image_shape: ClassVar[tuple[int, int, int]] = (1, 8, 8)
    num_classes: ClassVar[int] = 2
    train_images: ClassVar[int] = 200
    mean: ClassVar[tuple[float, ...]] = (0.5,)
    std: ClassVar[tuple[float, ...]] = (0.5,)
    name: Literal["stripes"] = "stripes"

BLEND = Augmentation(
    target="own_code:Blend",
    value=Annotated[UnitInterval, Field(title="the fraction of another image", examples=[0.2])],
    off=0.0,
    example=0.2,
    takes_normalized=True,
)

ENTRIES = {
    "tiny": (MODELS, TinyKeys),
    "sign_sgd": (OPTIMIZERS, SignSgdKeys),
    "halving": (SCHEDULES, HalvingKeys),
    "stripes": (DATASETS, StripesKeys),
    "blend": (AUGMENTATIONS, BLEND),
}
'''

CODE = '''
from dataclasses import dataclass, replace
import torch
from torch import nn
from torch.nn import functional as F
from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.data.image_set import ImageSet

class Tiny(nn.Module):
    def __init__(self, *, image_shape, num_classes, width=4):
        super().__init__()
        self.conv = nn.Conv2d(image_shape[0], width, 3, padding=1)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, images):
        return self.fc(self.conv(images).relu().mean((2, 3)))

class SignSgd(torch.optim.Optimizer):
    def __init__(self, params, *, lr=0.01, weight_decay=0.0, threshold=0.0):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "threshold": threshold})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    sign = parameter.grad.sign() * (parameter.grad.abs() >= group["threshold"])
                    parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(sign * group["lr"])

def halving(*, total_steps, epoch_ends, every_epochs=1):
    return lambda step: 0.5 ** (sum(step >= end for end in epoch_ends) // every_epochs)

@dataclass(frozen=True)
class Blend:
    """Mixes each image with another one of the batch, and the targets with them."""
    share: float
    num_classes: int

    def __call__(self, batch, generator):
        others = torch.randperm(len(batch), generator=generator).to(batch.images.device)
        targets = F.one_hot(batch.targets, self.num_classes).float()
        return replace(
            batch,
            images=torch.lerp(batch.images, batch.images[others], self.share),
            targets=torch.lerp(targets, targets[others], self.share),
        )

def stripes(size, seed):
    labels = torch.arange(size) % 2
    rows = (torch.arange(8) % 2 * 255).view(8, 1).expand(8, 8)
    images = torch.stack([rows.T if label else rows for label in labels.tolist()])[:, None]
    noise = torch.randint(0, 100, images.shape, generator=torch.Generator().manual_seed(seed))
    return ImageSet("stripes", (images - noise).clamp(0, 255).to(torch.uint8), labels, ("rows", "columns"))

STRIPES = DatasetSource(read=lambda root: (stripes(200, seed=1), stripes(40, seed=2)))
'''

SYNTHETIC = "data: {name: synthetic, batch_size: 50, val_size: 100}\n"
CNN = "model: {name: cnn, widths: [8, 8]}\n"


@dataclass(frozen=True)
class Own:
    """A configuration with a component of one's own, and mistakes: what is right, what stands there, what is told."""

    config: str
    mistakes: tuple[tuple[str, str, str], ...]


OWN = {
    "tiny": Own(
        SYNTHETIC + "model: {name: tiny, width: 6}\n",
        (
            ("tiny", "tinny", "tiny, found 'tinny'; did you mean 'tiny'?"),
            ("width", "widht", "model.widht: tiny has no such key; did you mean 'width'?"),
        ),
    ),
    "sign_sgd": Own(
        SYNTHETIC + CNN + "optimizer: {name: sign_sgd, lr: 0.001, threshold: 0.0001}\n",
        (
            ("sign_sgd", "sing_sgd", "did you mean 'sign_sgd'?"),
            ("threshold", "treshold", "sign_sgd has no such key; did you mean 'threshold'?"),
            ("0.0001", "-1", "optimizer.threshold: expected a number, 0 or more, found -1"),
        ),
    ),
    "halving": Own(
        SYNTHETIC + CNN + "schedule: {name: halving, every_epochs: 1}\n",
        (
            ("halving", "halvin", "did you mean 'halving'?"),
            ("every_epochs", "every_epoch", "halving has no such key; did you mean 'every_epochs'?"),
        ),
    ),
    "stripes": Own(
        "data: {name: stripes, batch_size: 40, val_size: 40}\nmodel: {name: mlp, hidden: [8]}\n",
        (
            ("stripes", "stripe", "did you mean 'stripes'?"),
            ("val_size: 40", "val_size: 200", "expected fewer than the 200 training images of stripes, found 200"),
        ),
    ),
    "blend": Own(
        SYNTHETIC.replace("}", ", augment: {flip: random, blend: 0.3}}") + CNN,
        (
            ("blend", "blent", "data.augment.blent: unknown key; did you mean 'blend'?"),
            ("0.3", "3", "data.augment.blend: expected a number from 0 to 1, found 3; write for"),
        ),
    ),
}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the two modules; a Python that finds it adds the entries named in $OWN_COMPONENT by itself."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_table.py").write_text(TABLE)
    (folder / "own_code.py").write_text(CODE)
    (folder / "sitecustomize.py").write_text(
        "import os\nfrom own_table import ENTRIES\n"
        "table, entry = ENTRIES[os.environ['OWN_COMPONENT']]\ntable[os.environ['OWN_COMPONENT']] = entry\n"
    )
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in ("own_table", "own_code"):
        sys.modules.pop(name, None)


@pytest.fixture
def add(modules: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Returns a function that adds one entry to its table, in this process and in those that it starts."""

    def add_entry(name: str) -> None:
        from own_table import ENTRIES  # type: ignore[import-not-found]

        table, entry = ENTRIES[name]
        monkeypatch.setitem(table, name, entry)
        monkeypatch.setenv("OWN_COMPONENT", name)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(modules), os.environ.get("PYTHONPATH", "")]))

    return add_entry


@pytest.mark.parametrize("name", OWN)
def test_it_is_checked_with_did_you_mean(
    name: str, add: Callable[[str], None], cifar: Callable[..., Any], tmp_path: Path
) -> None:
    config, mistakes = OWN[name].config, OWN[name].mistakes
    (tmp_path / "own.yaml").write_text(config)
    assert cifar("config", "validate", "own.yaml").code == 2  # without its entry
    add(name)
    assert cifar("config", "validate", "own.yaml").code == 0
    for right, wrong, told in mistakes:
        (tmp_path / "wrong.yaml").write_text(config.replace(right, wrong))
        outcome = cifar("config", "validate", "wrong.yaml")
        assert outcome.code == 2
        assert told in outcome.err


@pytest.mark.parametrize("name", OWN)
@pytest.mark.usefixtures("short_benchmarks")
def test_it_trains_resumes_is_evaluated_explained_and_benchmarked(
    name: str, add: Callable[[str], None], cifar: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name != "tiny":  # a network has to reach the reference's own process
        request.getfixturevalue("reference_here")
    add(name)
    (tmp_path / "own.yaml").write_text(OWN[name].config)
    words = ["train", "--config", "own.yaml", "train.device=cpu", "train.precision=fp32"]

    def trained(*more: str, folder: str) -> Path:
        outcome = cifar(*words, *more, f"log.dir={folder}")
        assert outcome.code == 0, outcome.err
        (run,) = (tmp_path / folder).iterdir()
        return run

    whole, resumed = trained("train.epochs=2", folder="whole"), trained("train.epochs=1", folder="resumed")
    outcome = cifar("train", "--resume", resumed, "train.epochs=2")
    assert outcome.code == 0, outcome.err
    weights, same = (torch.load(run / "checkpoints" / "last.pt", weights_only=True) for run in (whole, resumed))
    assert weights["progress"] == same["progress"]
    assert all(torch.equal(weight, same["model"][key]) for key, weight in weights["model"].items())

    summary = json.loads((resumed / "summary.json").read_text())
    assert json.loads(cifar("eval", resumed, "--json").out)["accuracy"] == summary["test"]["accuracy"]
    explained = json.loads(cifar("explain", resumed, "--json").out)
    assert explained["totals"]["parameters"] == summary["parameters"]
    timed = cifar("benchmark", "own.yaml", "--seconds", 1, "--rounds", 2, "--against", "plain", "--json")
    assert timed.code == 0, timed.err
    assert json.loads(timed.out)["speedup"]["median"] > 0


def test_an_augmentation_of_ones_own_mixes_images_and_targets(
    add: Callable[[str], None], tmp_path: Path, small_splits: Any
) -> None:
    add("blend")
    from cifar_cli.builders.build_transforms import build_training_transform
    from cifar_cli.config import load_text
    from cifar_cli.data.batch import Batch
    from cifar_cli.training.runtime import CPU

    experiment = load_text(OWN["blend"].config.replace("flip: random, ", ""), location="a test")
    transform = build_training_transform(experiment, small_splits, CPU)
    images, labels = small_splits.train.images[:8], small_splits.train.labels[:8]
    batch = transform(Batch(images, labels, torch.arange(8)), torch.Generator().manual_seed(0))
    others = torch.randperm(8, generator=torch.Generator().manual_seed(0))
    plain = torch.eye(10)[labels]
    torch.testing.assert_close(batch.targets, 0.7 * plain + 0.3 * plain[others])
    torch.testing.assert_close(batch.targets.sum(dim=1), torch.ones(8))
    assert torch.equal(batch.indices, torch.arange(8))
