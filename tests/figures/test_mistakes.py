"""Which mistakes are the worst, and a picture of them that keeps its size."""

import torch

from cifar_cli.figures.mistakes import draw_mistakes, worst_mistakes

NAMES = ("cat", "dog", "ship")


def test_only_mistakes_are_chosen_and_the_surest_come_first() -> None:
    logits = torch.tensor([[9.0, 0, 0], [0, 1.0, 0], [0, 5.0, 0], [0, 0, 3.0], [0, 0.1, 0]])
    labels = torch.tensor([0, 0, 0, 0, 1])
    assert worst_mistakes(logits, labels, count=9).tolist() == [2, 3, 1]
    assert worst_mistakes(logits, labels, count=2).tolist() == [2, 3]


def test_where_nothing_is_wrong_nothing_is_chosen() -> None:
    assert worst_mistakes(torch.eye(3), torch.arange(3), count=4).tolist() == []


def test_the_picture_holds_the_very_pixels_and_keeps_its_size() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (6, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.zeros(6, dtype=torch.int64)
    wrong_once = torch.tensor([[0.0, 5, 0]] + [[5.0, 0, 0]] * 5)
    one = draw_mistakes(images, labels, wrong_once, class_names=NAMES, count=8)
    many = draw_mistakes(images, labels, torch.randn(6, 3, generator=generator), class_names=NAMES, count=8)
    assert one.shape == many.shape
    assert one.dtype == torch.uint8
    enlarged = images[0].repeat_interleave(3, dim=1).repeat_interleave(3, dim=2)
    assert torch.equal(one[:, 48 : 48 + 96, 10 : 10 + 96], enlarged)
    assert (one[:, 48 : 48 + 96, 130:] == 255).all(), "no second image"


def test_grey_images_are_drawn_too() -> None:
    images = torch.zeros(2, 1, 28, 28, dtype=torch.uint8)
    picture = draw_mistakes(images, torch.tensor([0, 1]), torch.tensor([[0.0, 1, 0]] * 2), class_names=NAMES, count=4)
    assert picture.shape[0] == 3
