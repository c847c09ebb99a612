"""BatchNorm over several processes held against torch's own, in a group of one; test_sharded_forward.py has two."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch import distributed as dist

from cifar_cli.distributed.shared_batch_norm import SharedBatchNorm, share_batch_norms


@pytest.fixture(scope="module", autouse=True)
def group_of_one() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def train_three_steps(norm: nn.Module, features: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Returns outputs and gradients of three steps, and the state of the norm after them."""
    seen = []
    for step in range(3):
        given = (features * (step + 1)).requires_grad_()
        output = norm(given)
        output.square().cumsum(0).sum().backward()
        seen += [output.detach(), given.grad]
    gradients = [parameter.grad for parameter in norm.parameters()]
    return seen + gradients, dict(norm.state_dict())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.BatchNorm2d(3), (5, 3, 4, 2)),
        (lambda: nn.BatchNorm1d(3), (5, 3)),
        (lambda: nn.BatchNorm1d(3), (5, 3, 4)),
        (lambda: nn.BatchNorm2d(3, momentum=None), (5, 3, 4, 2)),
        (lambda: nn.BatchNorm2d(3, affine=False, eps=0.1, momentum=0.3), (5, 3, 4, 2)),
        (lambda: nn.BatchNorm2d(3, track_running_stats=False), (5, 3, 4, 2)),
    ],
)
def test_outputs_gradients_and_statistics_are_those_of_torchs_batch_norm(
    make: type[nn.Module], shape: tuple[int, ...], training: bool
) -> None:
    features = 3 + 2 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    shared = SharedBatchNorm(make().train(training))
    torch.testing.assert_close(
        train_three_steps(shared, features), train_three_steps(make().train(training), features), rtol=1e-4, atol=1e-4
    )


def test_replacing_keeps_the_tensors_and_their_names() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()))
    before = dict(model.state_dict(keep_vars=True))
    after = share_batch_norms(model, torch.device("cpu")).state_dict(keep_vars=True)
    assert isinstance(model[1][0], SharedBatchNorm)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)


def test_one_value_per_channel_is_refused_as_torch_does() -> None:
    with pytest.raises(
        ValueError, match=r"^expected more than one value per channel to train BatchNorm on, found one$"
    ):
        SharedBatchNorm(nn.BatchNorm1d(3))(torch.ones(1, 3))


def test_evaluation_by_one_process_waits_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("another process was waited for")

    monkeypatch.setattr("torch.distributed.all_reduce", refuse)
    norm = nn.BatchNorm2d(3, track_running_stats=False).eval()
    features = torch.randn(5, 3, 4, 2)
    assert torch.equal(SharedBatchNorm(norm)(features), norm(features))
