"""Walks the table of networks: shapes, gradients, seeds, and what a configuration may say of each."""

from collections.abc import Mapping

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cifar_cli.config import DATASET_FACTS, schema
from cifar_cli.models import MODELS, build_model

SHAPES = [(3, 32, 32), (1, 28, 28)]


def arguments_for(name: str, image_shape: tuple[int, int, int]) -> dict[str, object]:
    """Returns what a network cannot do without; the others are built with no arguments at all."""
    if name != "sequential":
        return {}
    channels, height, width = image_shape
    return {
        "layers": [
            ("conv1", "Conv2d", {"in_channels": channels, "out_channels": 4, "kernel_size": 3, "padding": 1}),
            ("relu1", "ReLU", {}),
            ("flatten", "Flatten", {}),
            ("fc1", "Linear", {"in_features": 4 * height * width, "out_features": 10}),
        ]
    }


def build(
    name: str, *, image_shape: tuple[int, int, int] = (3, 32, 32), num_classes: int = 10, seed: int = 0
) -> nn.Module:
    return build_model(
        name, arguments_for(name, image_shape), image_shape=image_shape, num_classes=num_classes, seed=seed
    )


@pytest.mark.parametrize("image_shape", SHAPES)
@pytest.mark.parametrize("name", MODELS)
def test_images_of_any_dataset_give_a_score_for_each_class(name: str, image_shape: tuple[int, int, int]) -> None:
    model = build(name, image_shape=image_shape)
    assert model(torch.randn(5, *image_shape)).shape == (5, 10)


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_reaches_every_parameter(name: str) -> None:
    model = build(name)
    generator = torch.Generator().manual_seed(1)
    F.cross_entropy(model(torch.randn(8, 3, 32, 32, generator=generator)), torch.arange(8)).backward()
    still = [key for key, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert still == []


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_decides_the_weights_and_leaves_the_global_random_state_alone(name: str) -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    first = build(name, seed=5).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(321)
    again, other = build(name, seed=5).state_dict(), build(name, seed=6).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    weights = [key for key in first if key.endswith("weight") and "norm" not in key]
    assert weights
    assert all(not torch.equal(first[key], other[key]) for key in weights)


@pytest.mark.parametrize("name", MODELS)
def test_names_of_layers_are_the_names_in_the_state(name: str) -> None:
    model = build(name)
    for key, value in model.state_dict().items():
        layer, _, attribute = key.rpartition(".")
        assert getattr(model.get_submodule(layer), attribute).shape == value.shape


MODEL_SECTIONS: Mapping[str, type[schema.Section]] = schema.KINDS["model"]


def test_the_table_and_the_configuration_name_the_same_models() -> None:
    assert set(MODELS) == set(MODEL_SECTIONS)


@pytest.mark.parametrize("dataset", DATASET_FACTS)
@pytest.mark.parametrize("name", sorted(set(MODELS) - {"sequential"}))
def test_a_configurations_defaults_build_a_network_for_every_dataset(name: str, dataset: str) -> None:
    # sequential has no defaults: its layers are the configuration.
    facts = DATASET_FACTS[dataset]
    model = build_model(
        name,
        MODEL_SECTIONS[name]().model_dump(exclude={"name"}),
        image_shape=facts.image_shape,
        num_classes=facts.num_classes,
        seed=0,
    )
    assert model(torch.zeros(2, *facts.image_shape)).shape == (2, facts.num_classes)
