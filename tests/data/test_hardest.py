"""The images with the largest last losses are those an epoch goes through."""

import pytest
import torch

from cifar_cli.data.hardest import Hardest
from cifar_cli.data.images import ImageSet
from cifar_cli.data.loader import make_loader

CPU = torch.device("cpu")


def picked(hardest: Hardest) -> list[int]:
    return hardest.is_picked.nonzero().flatten().tolist()


def test_an_epoch_takes_its_share_and_the_last_share_holds_for_the_rest() -> None:
    hardest = Hardest(50, shares=[1, 0.65, 0.5], device=CPU)
    assert [hardest.images_in(epoch) for epoch in range(5)] == [50, 32, 25, 25, 25]  # 32.5 is rounded to even
    assert Hardest(50, shares=[1, 0.001], device=CPU).images_in(1) == 1


def test_those_with_the_largest_losses_are_picked() -> None:
    hardest = Hardest(6, shares=[1, 0.5], device=CPU)
    hardest.pick(0)
    assert picked(hardest) == [0, 1, 2, 3, 4, 5]
    hardest.learn(torch.tensor([5, 3, 1, 0, 2, 4]), torch.tensor([0.1, 0.9, 0.5, 0.2, 0.8, 0.3]))
    assert picked(hardest) == [0, 1, 2, 3, 4, 5]  # within an epoch nothing changes
    hardest.pick(1)
    assert picked(hardest) == [1, 2, 3]


def test_what_was_left_out_keeps_its_loss_and_comes_back_when_it_is_among_the_largest() -> None:
    hardest = Hardest(4, shares=[1, 0.5], device=CPU)
    hardest.learn(torch.arange(4), torch.tensor([0.4, 0.3, 0.2, 0.1]))
    hardest.pick(1)
    assert picked(hardest) == [0, 1]
    hardest.learn(torch.tensor([0, 1]), torch.tensor([0.15, 0.25]))
    hardest.pick(2)
    assert picked(hardest) == [1, 2]


def test_an_image_without_a_loss_yet_comes_first_and_of_equal_ones_the_first() -> None:
    hardest = Hardest(6, shares=[0.5], device=CPU)
    hardest.learn(torch.tensor([0, 1, 2, 4, 5]), torch.full((5,), 100.0))
    hardest.pick(0)
    assert picked(hardest) == [0, 1, 3]


def test_losses_in_less_precision_are_kept_in_full_precision() -> None:
    hardest = Hardest(2, shares=[1], device=CPU)
    hardest.learn(torch.tensor([1]), torch.tensor([0.5], dtype=torch.bfloat16))
    assert hardest.losses.tolist() == [torch.inf, 0.5]


def test_a_loader_goes_through_the_picked_images_once_in_the_epoch_s_order() -> None:
    images = ImageSet("numbered", torch.zeros(40, 3, 2, 2, dtype=torch.uint8), torch.arange(40), ("a",) * 40)
    hardest = Hardest(40, shares=[1, 0.5], device=CPU)
    loader = make_loader(images, batch_size=8, shuffle=True, seed=3, hardest=hardest)
    everything = make_loader(images, batch_size=8, shuffle=True, seed=3)
    losses = torch.rand(40, generator=torch.Generator().manual_seed(0))
    for batch, (_, labels) in enumerate(loader):
        assert torch.equal(loader.batch_sampler.handed_out, labels)  # each image's label is its number
        hardest.learn(labels, losses[labels])
        assert len(loader) == 5, batch
    loader.batch_sampler.set_epoch(1)
    everything.batch_sampler.set_epoch(1)
    order = torch.cat([labels for _, labels in loader]).tolist()
    largest = set(losses.sort().indices[20:].tolist())
    assert order == [label for label in torch.cat([labels for _, labels in everything]).tolist() if label in largest]
    assert len(loader) == 3  # 20 images in batches of 8
    loader.batch_sampler.set_epoch(1, first_batch=2)
    assert torch.cat([labels for _, labels in loader]).tolist() == order[16:]


def test_without_shuffling_the_picked_images_come_as_they_lie() -> None:
    images = ImageSet("numbered", torch.zeros(6, 3, 2, 2, dtype=torch.uint8), torch.arange(6), ("a",) * 6)
    hardest = Hardest(6, shares=[0.5], device=CPU)
    hardest.learn(torch.arange(6), torch.tensor([0.0, 3, 0, 2, 0, 1]))
    loader = make_loader(images, batch_size=2, hardest=hardest)
    assert [labels.tolist() for _, labels in loader] == [[1, 3], [5]]


def test_a_state_of_another_number_of_images_is_refused() -> None:
    saved = Hardest(7, shares=[1], device=CPU).state_dict()
    with pytest.raises(ValueError, match="not as many as there are images"):
        Hardest(6, shares=[1], device=CPU).load_state_dict(saved)
