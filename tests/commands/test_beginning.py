"""`init`: what it does to the network that is trained, and what it says where a layer does not fit."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cifar_cli import config
from cifar_cli.commands import parts
from cifar_cli.commands.images import open_images

SPEEDNET = ["model={name: speednet, widths: [24, 24], logit_scale: 1}", "data.name=synthetic", "data.val_size=0"]


def begun(*overrides: str) -> parts.Training:
    experiment = config.load("mlp", [*SPEEDNET, "log.feature_layers=[]", *overrides])
    experiment, splits = open_images(experiment)
    return parts.training(experiment, splits, parts.runtime(experiment))


def test_the_first_layer_of_a_training_whitens_the_images_that_it_will_see() -> None:
    training = begun("init.whiten=whiten")
    images = training.task.loader.dataset.image_set.images[:5000]  # type: ignore[attr-defined]
    prepared = training.task.augment_and_normalize(images, training.state.augment_generator, 0)
    with torch.no_grad():
        responses = training.state.model.whiten(prepared)[:, :12].transpose(0, 1).flatten(1).double()  # type: ignore[operator]
    second_moment = responses @ responses.T / responses.shape[1]
    strong = second_moment.diagonal() > 0.5  # drawn shapes leave the weakest directions to eps
    assert int(strong.sum()) >= 6
    off_diagonal = second_moment - second_moment.diagonal().diag()
    assert float(off_diagonal.abs().max()) < 0.15  # the images are moved by up to four pixels here


def test_dirac_and_unit_deviation_reach_the_layers_they_are_meant_for() -> None:
    model = begun("init={dirac: true, unit_deviation: head}").state.model
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
            "init.unit_deviation=act",
            "init.unit_deviation: expected a Linear or Conv2d, found act, GELU; name one of those",
        ),
    ],
)
def test_a_layer_that_does_not_fit_is_told_with_what_would(cifar: Callable[..., Any], init: str, message: str) -> None:
    outcome = cifar("train", "--config", "mlp", *SPEEDNET, "log.feature_layers=[]", init)
    assert outcome.code == 2
    assert message in outcome.err


def test_an_untrained_network_is_looked_at_with_the_weights_that_training_begins_with(
    cifar: Callable[..., Any],
) -> None:
    def loss(*overrides: str) -> float:
        words = ["eval", "--json", "--config", "mlp", *SPEEDNET, "log.feature_layers=[]", *overrides]
        outcome = cifar(*words)
        assert outcome.code == 0, outcome.err
        return float(json.loads(outcome.out)["loss"])

    # Of ten classes, one that knows nothing loses ln 10 = 2.303; a head of standard deviation one shouts.
    assert loss() == pytest.approx(2.303, abs=0.05)
    assert loss("init={whiten: whiten, dirac: true, unit_deviation: head}") > 2.4
