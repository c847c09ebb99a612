"""A picture of the worst mistakes that keeps its size."""

import torch

from cifar_cli.analysis.worst_mistakes import worst_mistakes
from cifar_cli.figures.mistakes_sheet import draw_mistakes

NAMES = ("cat", "dog", "ship")
TOP, LEFT = 10 + 2 * 18, 10  # a margin, and two captions


def test_the_picture_holds_the_very_pixels_and_keeps_its_size() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (6, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.zeros(6, dtype=torch.int64)
    wrong_once = torch.tensor([[0.0, 5, 0]] + [[5.0, 0, 0]] * 5)
    one = draw_mistakes(worst_mistakes(wrong_once, labels, count=8), images[:1], class_names=NAMES, count=8)
    all_wrong = worst_mistakes(torch.tensor([[0.0, 5, 0]] * 6), labels, count=8)
    many = draw_mistakes(all_wrong, images, class_names=NAMES, count=8)
    none = draw_mistakes(worst_mistakes(wrong_once[1:], labels[1:], count=8), images[:0], class_names=NAMES, count=8)
    assert one.shape == many.shape == none.shape
    assert one.dtype == torch.uint8
    enlarged = images[0].repeat_interleave(3, dim=1).repeat_interleave(3, dim=2)
    assert torch.equal(one[:, TOP : TOP + 96, LEFT : LEFT + 96], enlarged)
    assert (one[:, TOP:, LEFT + 104 + 10 :] == 255).all(), "no second image"


def test_grey_images_are_drawn_too() -> None:
    worst = worst_mistakes(torch.tensor([[0.0, 1, 0]] * 2), torch.tensor([0, 1]), count=4)
    picture = draw_mistakes(worst, torch.zeros(1, 1, 28, 28, dtype=torch.uint8), class_names=NAMES, count=4)
    assert picture.shape[0] == 3
