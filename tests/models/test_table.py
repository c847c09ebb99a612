"""The networks that papers name have as many parameters as published, and say which images they cannot take."""

import pytest
import torch

from cifar_cli.models.table import MODELS
from cifar_cli.section import load_target

KUANGLIU = "https://github.com/kuangliu/pytorch-cifar"
CHENYAOFO = "https://github.com/chenyaofo/pytorch-cifar-models"

# For ten classes and images of 3×32×32, counted in the program named, or as the paper says.
PUBLISHED = [
    ("lenet5", 62_006, KUANGLIU),
    ("resnet18", 11_173_962, KUANGLIU),
    ("resnet34", 21_282_122, KUANGLIU),
    ("resnet50", 23_520_842, KUANGLIU),
    ("preact_resnet18", 11_171_146 + 1_024, f"{KUANGLIU}, and the paper's BatchNorm behind the last block"),
    ("wide_resnet16_8", 10.96e6, "arXiv:1605.07146: 11.0 M"),
    ("resnet20", 272_474, CHENYAOFO),
    ("resnet32", 466_906, CHENYAOFO),
    ("resnet44", 661_338, CHENYAOFO),
    ("resnet56", 855_770, CHENYAOFO),
    ("resnet110", 1.73e6, "arXiv:1512.03385, table 6: 1.7 M"),
    ("wide_resnet28_10", 36_479_194, "arXiv:1605.07146: 36.5 M"),
    ("resnext29_4x64d", 27_104_586, KUANGLIU),
    ("vgg11_bn", 9_756_426, CHENYAOFO),
    ("vgg13_bn", 9.94e6, CHENYAOFO),
    ("vgg16_bn", 15_253_578, CHENYAOFO),
    ("vgg19_bn", 20.57e6, CHENYAOFO),
    ("vgg16", 14_728_266, KUANGLIU),
    ("densenet_bc_100_12", 769_162, "arXiv:1608.06993: 0.8 M"),
    ("densenet121", 1_000_618, f"{KUANGLIU}, densenet_cifar"),
    ("dla", 16_291_386, KUANGLIU),
    ("simple_dla", 15_142_970, KUANGLIU),
    ("mobilenet_v2", 2_236_682, CHENYAOFO),
    ("shufflenet_v2", 1_263_854, f"{CHENYAOFO} and {KUANGLIU}"),
    ("repvgg_a0", 7_840_874, CHENYAOFO),
    ("convmixer", 594_186, "https://github.com/locuslab/convmixer-cifar10, ConvMixer-256/8"),
    ("cct_7_3x1", 3.76e6, "arXiv:2104.05704"),
]


def parameters(name: str, shape: tuple[int, int, int] = (3, 32, 32), num_classes: int = 10, **keys: object) -> int:
    entry = MODELS[name](**keys)
    with torch.device("meta"):
        model = load_target(entry.target)(image_shape=shape, num_classes=num_classes, **entry.arguments)
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("name", "published", "source"), PUBLISHED, ids=[name for name, *_ in PUBLISHED])
def test_a_network_has_the_published_number_of_parameters(name: str, published: float, source: str) -> None:
    # Counts that are published to three or four digits agree in these.
    assert parameters(name) == (published if isinstance(published, int) else pytest.approx(published, rel=2e-3)), source


def test_vit_tiny_has_the_parameters_of_deit_ti_on_the_papers_images() -> None:
    # timm's deit_tiny_patch16_224.
    assert parameters("vit_tiny", (3, 224, 224), 1000, patch_size=16) == 5_717_416


# For 100 classes, in millions, as the table of chenyaofo's page has them.
OF_100_CLASSES = {
    "vgg11_bn": 9.80,
    "vgg13_bn": 9.99,
    "vgg16_bn": 15.30,
    "vgg19_bn": 20.61,
    "mobilenet_v2": 2.35,
    "shufflenet_v2": 1.36,
    "repvgg_a0": 7.96,
}


@pytest.mark.parametrize(("name", "published"), OF_100_CLASSES.items())
def test_with_100_classes_too_the_parameters_are_those_published(name: str, published: float) -> None:
    assert round(parameters(name, num_classes=100) / 1e6, 2) == published


# --- images of other sizes ------------------------------------------------------------------------------------------

OF_ANY_SIZE = [name for name, keys in MODELS.items() if keys.takes_any_size and not keys.is_own]


@pytest.mark.parametrize("name", OF_ANY_SIZE)
def test_a_network_for_any_size_takes_all_sides_from_the_least_on(name: str) -> None:
    keys = MODELS[name](**_as_tuples(MODELS[name].example))
    model = load_target(keys.target)(image_shape=(3, 32, 32), num_classes=10, **keys.arguments).eval()
    for side in (keys.least_side, 33, 64):
        assert model(torch.randn(2, 3, side, side)).shape == (2, 10)


def _as_tuples(keys: object) -> dict[str, object]:
    assert isinstance(keys, dict)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in keys.items()}
