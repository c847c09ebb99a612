"""The process group of one process, from torchrun's environment or without torchrun."""

import pytest

from cifar_cli.distributed.process_group import ENVIRONMENT, SINGLE_PROCESS, is_main_process, join_process_group
from cifar_cli.errors import UsageError

COMPLETE = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.fixture(autouse=True)
def not_started_by_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


def test_without_torchrun_a_process_is_the_only_one_and_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")  # some clusters set it everywhere
    with join_process_group() as processes:
        assert processes == SINGLE_PROCESS
    assert processes.is_main
    assert is_main_process()
    assert (processes.broadcast("a text"), processes.all_reduce_max(15)) == ("a text", 15)


def test_torchrun_with_one_process_joins_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**COMPLETE, "RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with join_process_group() as processes:
        assert processes == SINGLE_PROCESS


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"MASTER_PORT": None, "LOCAL_RANK": None}, "RANK=1 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1"),
        ({"WORLD_SIZE": None}, "RANK=1 LOCAL_RANK=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500"),
        ({"RANK": "one"}, "RANK=one WORLD_SIZE=2 LOCAL_RANK=1 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500"),
    ],
)
def test_a_part_of_torchruns_environment_is_refused(
    changes: dict[str, str | None], found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**COMPLETE, **changes}.items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught, join_process_group():
        pass
    assert str(caught.value) == (
        f"environment: expected all of RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT, as torchrun sets them, "
        f"found {found}; start with torchrun --nproc-per-node N -m cifar_cli train, or unset RANK and WORLD_SIZE to "
        f"train in one process"
    )


@pytest.mark.parametrize(("rank", "is_main"), [("0", True), ("1", False)])
def test_the_process_of_rank_0_is_the_main_one(rank: str, is_main: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    assert is_main_process() == is_main
