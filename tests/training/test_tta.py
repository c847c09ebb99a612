"""Test-time augmentation held against numbers worked by hand and torchvision's own flips and crops."""

from collections.abc import Callable
from typing import get_args

import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import Tensor, nn
from torchvision.transforms.v2.functional import crop, hflip, pad

from cifar_cli.config.sections import EvaluationKeys
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.loader import BatchLoader
from cifar_cli.data.normalize import to_unit
from cifar_cli.optim.losses import CrossEntropy
from cifar_cli.training.evaluation import Evaluation, evaluate
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.tta import TTA, TestTimeAugmentation, least_confident, mirror, mirror_translate

CPU = Runtime(torch.device("cpu"), "fp32")


def pixels(images: Tensor) -> Tensor:
    """A network whose logits are the pixels themselves."""
    return images.flatten(1)


def test_mirror_is_the_mean_of_the_image_and_its_mirror_image() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    # (1 2 / 3 4) and (2 1 / 4 3)
    assert mirror(pixels, image, pixels(image)).tolist() == [[1.5, 1.5, 3.5, 3.5]]


def test_mirror_translate_on_four_pixels_worked_by_hand() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    # Reflected about the border pixels:  4 3 4 3     up left corner 4 3    down right corner 2 1
    #                                     2 1 2 1                    2 1                     4 3  (rows 2 and 3)
    #                                     4 3 4 3
    #                                     2 1 2 1
    # Down right of the middle, at (2, 2): 4 3 / 2 1; with their mirror images all four crops have rows of 3.5 and 1.5.
    # ½ · (1.5 1.5 / 3.5 3.5) + ¼ · (3.5 3.5 / 1.5 1.5) + ¼ · (3.5 3.5 / 1.5 1.5) = 2.5 everywhere
    assert mirror_translate(pixels, image, pixels(image)).tolist() == [[2.5, 2.5, 2.5, 2.5]]


def test_mirror_translate_is_what_torchvisions_flips_and_crops_give() -> None:
    torch.manual_seed(0)
    images = torch.rand(5, 3, 8, 7)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 7, 6), nn.Tanh(), nn.Linear(6, 4))
    padded = pad(images, [1, 1, 1, 1], padding_mode="reflect")
    weights = {1: 0.5, 0: 0.25, 2: 0.25}  # the corner of the crop, in both directions: 1 is the image itself
    crops = {corner: crop(padded, corner, corner, 8, 7) for corner in weights}
    assert torch.equal(crops[1], images)
    expected = sum(w * (network(crops[corner]) + network(hflip(crops[corner]))) / 2 for corner, w in weights.items())
    torch.testing.assert_close(mirror_translate(network, images, network(images)), expected)


@pytest.mark.parametrize(("tta", "passes"), [(mirror, 1), (mirror_translate, 5)])
def test_the_logits_of_the_unchanged_images_are_not_computed_again(tta: TestTimeAugmentation, passes: int) -> None:
    calls: list[int] = []

    def counting(images: Tensor) -> Tensor:
        calls.append(len(images))
        return pixels(images)

    images = torch.rand(3, 1, 4, 4)
    tta(counting, images, pixels(images))
    assert calls == [3] * passes


def test_a_linear_network_gives_the_logits_of_the_mean_image() -> None:
    torch.manual_seed(0)
    images, linear = torch.rand(4, 2, 6, 6), nn.Sequential(nn.Flatten(), nn.Linear(72, 5))
    mean_image = (images + hflip(images)) / 2
    torch.testing.assert_close(mirror(linear, images, linear(images)), linear(mean_image))


def test_the_least_confident_images_have_the_smallest_largest_probability() -> None:
    # Largest probabilities: 0.9, 0.5, 0.4, 0.6, 0.34; as logits with another constant added to each row.
    probabilities = torch.tensor(
        [[0.9, 0.05, 0.05], [0.5, 0.4, 0.1], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [0.33, 0.33, 0.34]]
    )
    logits = probabilities.log() + torch.tensor([[-40.0], [30.0], [0.0], [7.0], [55.0]])
    assert least_confident(logits, 0.4).tolist() == [False, False, True, False, True]
    assert least_confident(logits, 0.5).tolist() == [False, True, True, False, True]  # 2.5 images are 3
    assert least_confident(logits, 1.0).all()
    assert least_confident(torch.zeros(6, 3), 0.5).tolist() == [True] * 3 + [False] * 3  # all alike: the first ones


K = 4


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 6 * 6, K)).eval()


@pytest.fixture
def images(make_images: Callable[..., ImageSet]) -> ImageSet:
    return make_images(30)


def run(
    network: nn.Module, images: ImageSet, tta: str, *, tta_fraction: float = 1.0, batch_size: int = 30
) -> Evaluation:
    return evaluate(
        network,
        loader=BatchLoader(images, batch_size=batch_size),
        loss=CrossEntropy(),
        preprocess=to_unit,
        runtime=CPU,
        num_classes=K,
        tta=TTA[tta],
        tta_fraction=tta_fraction,
    )


@pytest.mark.parametrize("tta", ["mirror", "mirror_translate"])
def test_evaluation_with_tta_has_the_results_without_it_too(tta: str, network: nn.Module, images: ImageSet) -> None:
    augmented, plain = run(network, images, tta), run(network, images, "none")
    assert plain.without_tta is None
    assert augmented.without_tta is not None
    assert (augmented.without_tta.loss, augmented.without_tta.accuracy) == (plain.loss, plain.accuracy)
    assert torch.equal(augmented.without_tta.confusion, plain.confusion)
    assert torch.equal(augmented.without_tta.logits, plain.logits)
    assert augmented.loss != plain.loss
    assert augmented.confusion.sum() == augmented.images == 30


@pytest.mark.parametrize("batch_size", [1, 7, 30])
@pytest.mark.parametrize(("tta_fraction", "count"), [(0.3, 9), (1.0, 30)])
def test_tta_is_for_the_least_confident_of_all_images_whatever_the_batch_size(
    tta_fraction: float, count: int, batch_size: int, network: nn.Module, images: ImageSet
) -> None:
    inputs = to_unit(images.images)
    with torch.no_grad():
        logits, mirrored = network(inputs), (network(inputs) + network(hflip(inputs))) / 2
    chosen = logits.softmax(dim=1).max(dim=1).values.argsort()[:count]
    logits[chosen] = mirrored[chosen]
    result = run(network, images, "mirror", tta_fraction=tta_fraction, batch_size=batch_size)
    assert result.loss == pytest.approx(nn.functional.cross_entropy(logits, images.labels).item(), rel=1e-5)
    assert result.accuracy == accuracy_score(images.labels, logits.argmax(dim=1))


def test_the_key_has_a_value_for_every_kind_of_tta() -> None:
    assert get_args(EvaluationKeys.model_fields["tta"].annotation) == tuple(TTA)
