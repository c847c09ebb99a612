"""`init`: the weights that a training starts from, and errors about layers that do not fit."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cifar_cli import config
from cifar_cli.builders.build_training import Training, build_runtime, build_training
from cifar_cli.builders.build_transforms import build_preprocessing
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import build_untrained
from cifar_cli.data.batch import Batch
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.inspection.layer_inspection import LayerInspection
from cifar_cli.training.runtime import CPU

INIT = "init={whiten: whiten, dirac: true, unit_std: head}"
SPEEDNET = ["model={name: speednet, widths: [24, 24], logit_scale: 1}", "data.name=synthetic", "data.val_size=0"]


def initial_training(*overrides: str) -> Training:
    experiment = config.load("mlp", [*SPEEDNET, "log.feature_layers=[]", *overrides])
    experiment, splits = load_data(experiment)
    return build_training(experiment, splits, build_runtime(experiment))


def test_the_first_layer_of_a_training_whitens_the_images_that_it_will_see() -> None:
    training = initial_training("init.whiten=whiten")
    images = training.task.loader.dataset.image_set.images[:5000]  # type: ignore[attr-defined]
    everything = torch.arange(len(images))
    batch = Batch(images, everything, everything)
    inputs = training.task.transform(batch, training.state.augment_generator).images
    with torch.no_grad():
        responses = training.state.model.whiten(inputs)[:, :12].transpose(0, 1).flatten(1).double()  # type: ignore[operator]
    second_moment = responses @ responses.T / responses.shape[1]
    strong = second_moment.diagonal() > 0.5  # drawn shapes leave the weakest directions to eps
    assert int(strong.sum()) >= 6
    off_diagonal = second_moment - second_moment.diagonal().diag()
    assert float(off_diagonal.abs().max()) < 0.15  # the images are moved by up to four pixels here


def test_dirac_and_unit_std_change_the_layers_they_name() -> None:
    model = initial_training(INIT).state.model
    weight = model.get_submodule("groups.1.conv2").weight.detach()  # type: ignore[union-attr,operator]
    expected = torch.zeros_like(weight)
    expected[range(24), range(24), 1, 1] = 1.0
    assert torch.equal(weight, expected)
    assert float(model.head.weight.detach().std()) == pytest.approx(1.0, abs=1e-5)  # type: ignore[union-attr,operator]


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("init.whiten=whitten", "no layer 'whitten'; did you mean 'whiten'? The layers are: whiten (Conv2d), "),
        ("init.whiten=head", "init.whiten: expected a Conv2d, found head, Linear; name a convolution"),
        (
            "init.whiten=groups.0.conv1",
            "init.whiten: expected a filter for each of a patch's 216 directions and its opposite, found 24 in "
            "groups.0.conv1; give it 432 out_channels",
        ),
        (
            "init.unit_std=act",
            "init.unit_std: expected a Linear or Conv2d, found act, GELU; name such a layer",
        ),
    ],
)
def test_a_layer_that_does_not_fit_is_an_error_with_a_mend(cifar: Callable[..., Any], init: str, message: str) -> None:
    outcome = cifar("train", "--config", "mlp", *SPEEDNET, "log.feature_layers=[]", init)
    assert outcome.code == 2
    assert message in outcome.err


@dataclass(frozen=True)
class InitialNetwork:
    """The network that a training starts from, and its whitened first four images: nothing is held out here."""

    model: nn.Module
    whitened: Tensor  # (4, 24, 31, 31)


@pytest.fixture
def initial(monkeypatch: pytest.MonkeyPatch) -> InitialNetwork:
    monkeypatch.setattr(
        "cifar_cli.data.datasets.synthetic.synthetic_sets", partial(synthetic_sets, train_size=600, test_size=100)
    )  # as `cifar`
    training = initial_training(INIT, "train.device=cpu")
    images = training.task.loader.dataset.image_set.images[:4]  # type: ignore[attr-defined]
    mean, std = (
        torch.tensor(channels).view(1, 3, 1, 1) for channels in (DATASETS["synthetic"].mean, DATASETS["synthetic"].std)
    )
    model = training.state.model
    with torch.no_grad():
        return InitialNetwork(model, model.get_submodule("whiten")((images / 255 - mean) / std))


def test_an_untrained_network_is_evaluated_with_the_weights_that_training_starts_from(
    cifar: Callable[..., Any],
) -> None:
    def loss(*overrides: str) -> float:
        words = ["eval", "--json", "--config", "mlp", *SPEEDNET, "log.feature_layers=[]", *overrides]
        outcome = cifar(*words)
        assert outcome.code == 0, outcome.err
        return float(json.loads(outcome.out)["loss"])

    # Guessing among ten classes has a loss of ln 10 = 2.303; a head with standard deviation 1 gives a higher loss.
    assert loss() == pytest.approx(2.303, abs=0.05)
    assert loss(INIT) > 2.4


def test_a_picture_of_an_untrained_network_shows_the_weights_that_training_starts_from(
    cifar: Callable[..., Any], initial: InitialNetwork
) -> None:
    outcome = cifar("visualize-layer", "whiten", "--config", "mlp", *SPEEDNET, "log.feature_layers=[]", INIT)
    assert outcome.code == 0, outcome.err
    low, high = (f"{extreme:.3g}".replace("-", "−") for extreme in initial.whitened.aminmax())
    assert f"{low} … {high}" in outcome.out


def test_the_worked_number_of_an_untrained_network_uses_the_weights_that_training_starts_from(
    cifar: Callable[..., Any], initial: InitialNetwork
) -> None:
    outcome = cifar("explain", "mlp", "--layer", "whiten", "--json", *SPEEDNET, "log.feature_layers=[]", INIT)
    assert outcome.code == 0, outcome.err
    worked = json.loads(outcome.out)["worked"]
    channel, row, column = worked["place"]
    assert worked["by_layer"] == pytest.approx(float(initial.whitened[0, channel, row, column]), abs=1e-5)


def test_a_trained_network_is_compared_with_the_weights_that_its_training_started_from(
    initial: InitialNetwork, tmp_path: Path
) -> None:
    experiment = config.load("mlp", [*SPEEDNET, "log.feature_layers=[]", INIT])
    opened = build_untrained(experiment, source="mlp", log_dir=tmp_path)
    with torch.no_grad():
        opened.model.get_submodule("whiten").weight.zero_()  # type: ignore[operator]  # as if trained
    experiment, splits = load_data(opened.experiment)
    prepare = build_preprocessing(experiment, splits, CPU)
    before = LayerInspection(opened, experiment, splits, prepare, layer="whiten", count=None).before_training()
    expected = initial.model.state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in before.model.state_dict().items())
