"""An epoch holds the images with the largest last losses."""

import pytest
import torch

from cifar_cli.data.hard_examples import HardExamples
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.loader import BatchLoader

CPU = torch.device("cpu")


def selected(hard_examples: HardExamples) -> list[int]:
    return hard_examples.is_selected.nonzero().flatten().tolist()


def test_an_epoch_takes_its_fraction_and_the_last_fraction_holds_for_later_epochs() -> None:
    hard_examples = HardExamples(50, fractions=[1, 0.65, 0.5], device=CPU)
    assert [hard_examples.images_in(epoch) for epoch in range(5)] == [50, 32, 25, 25, 25]  # 32.5 is rounded to even
    assert HardExamples(50, fractions=[1, 0.001], device=CPU).images_in(1) == 1


@pytest.mark.parametrize(
    ("size", "fraction", "count"),
    [(10, 0.61, 6), (10, 0.67, 7), (5, 0.5, 2), (7, 0.5, 4), (3, 0.5, 2), (1, 0.5, 1), (10, 0.01, 1), (10, 1, 10)],
)
def test_a_fraction_is_rounded_to_the_nearest_number_and_a_half_to_even(size: int, fraction: float, count: int) -> None:
    assert HardExamples(size, fractions=[fraction], device=CPU).images_in(0) == count


def test_images_with_the_largest_losses_are_selected() -> None:
    hard_examples = HardExamples(6, fractions=[1, 0.5], device=CPU)
    hard_examples.select(0)
    assert selected(hard_examples) == [0, 1, 2, 3, 4, 5]
    hard_examples.update_losses(torch.tensor([5, 3, 1, 0, 2, 4]), torch.tensor([0.1, 0.9, 0.5, 0.2, 0.8, 0.3]))
    assert selected(hard_examples) == [0, 1, 2, 3, 4, 5]  # within an epoch nothing changes
    hard_examples.select(1)
    assert selected(hard_examples) == [1, 2, 3]


def test_an_image_that_was_left_out_keeps_its_loss_and_returns_when_the_loss_is_among_the_largest() -> None:
    hard_examples = HardExamples(4, fractions=[1, 0.5], device=CPU)
    hard_examples.update_losses(torch.arange(4), torch.tensor([0.4, 0.3, 0.2, 0.1]))
    hard_examples.select(1)
    assert selected(hard_examples) == [0, 1]
    hard_examples.update_losses(torch.tensor([0, 1]), torch.tensor([0.15, 0.25]))
    hard_examples.select(2)
    assert selected(hard_examples) == [1, 2]


def test_an_image_without_a_loss_comes_first_and_equal_losses_keep_the_sets_order() -> None:
    hard_examples = HardExamples(6, fractions=[0.5], device=CPU)
    hard_examples.update_losses(torch.tensor([0, 1, 2, 4, 5]), torch.full((5,), 100.0))
    hard_examples.select(0)
    assert selected(hard_examples) == [0, 1, 3]


def test_losses_of_low_precision_are_kept_as_float32() -> None:
    hard_examples = HardExamples(2, fractions=[1], device=CPU)
    hard_examples.update_losses(torch.tensor([1]), torch.tensor([0.5], dtype=torch.bfloat16))
    assert hard_examples.losses.tolist() == [torch.inf, 0.5]


def test_a_loader_yields_each_selected_image_once_in_the_epochs_order() -> None:
    images = ImageSet("numbered", torch.zeros(40, 3, 2, 2, dtype=torch.uint8), torch.arange(40), ("a",) * 40)
    hard_examples = HardExamples(40, fractions=[1, 0.5], device=CPU)
    loader = BatchLoader(images, batch_size=8, shuffle=True, seed=3, hard_examples=hard_examples)
    everything = BatchLoader(images, batch_size=8, shuffle=True, seed=3)
    losses = torch.rand(40, generator=torch.Generator().manual_seed(0))
    for batch in loader:
        assert torch.equal(batch.indices, batch.targets)  # each image's label is its number
        hard_examples.update_losses(batch.indices, losses[batch.indices])
        assert len(loader) == 5
    loader.set_epoch(1)
    everything.set_epoch(1)
    order = torch.cat([batch.targets for batch in loader]).tolist()
    largest = set(losses.sort().indices[20:].tolist())
    assert order == [label for label in torch.cat([batch.targets for batch in everything]).tolist() if label in largest]
    assert len(loader) == 3  # 20 images in batches of 8
    loader.set_epoch(1, first_batch=2)
    assert torch.cat([batch.targets for batch in loader]).tolist() == order[16:]


def test_without_shuffling_the_selected_images_come_in_the_sets_order() -> None:
    images = ImageSet("numbered", torch.zeros(6, 3, 2, 2, dtype=torch.uint8), torch.arange(6), ("a",) * 6)
    hard_examples = HardExamples(6, fractions=[0.5], device=CPU)
    hard_examples.update_losses(torch.arange(6), torch.tensor([0.0, 3, 0, 2, 0, 1]))
    loader = BatchLoader(images, batch_size=2, hard_examples=hard_examples)
    assert [batch.targets.tolist() for batch in loader] == [[1, 3], [5]]


def test_a_state_of_another_number_of_images_is_refused() -> None:
    saved = HardExamples(7, fractions=[1], device=CPU).state_dict()
    with pytest.raises(ValueError, match="not as many as there are images"):
        HardExamples(6, fractions=[1], device=CPU).load_state_dict(saved)
