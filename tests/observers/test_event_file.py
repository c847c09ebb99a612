"""The one file that observers share: how often pictures are written, and what a refused write becomes."""

from pathlib import Path

import pytest

from cifar_cli.errors import RunError
from cifar_cli.observers.event_file import EventFile, capped_interval
from cifar_cli.runs.run_folder import create_run


@pytest.mark.parametrize(
    ("every", "epochs", "result"), [(0, 500, 0), (1, 100, 1), (1, 101, 2), (1, 500, 5), (7, 500, 7)]
)
def test_a_long_run_has_a_hundred_pictures_of_a_kind_at_most(every: int, epochs: int, result: int) -> None:
    assert capped_interval(every, epochs=epochs) == result


def test_what_the_disk_refuses_is_told_with_its_mend(tmp_path: Path) -> None:
    run = create_run(tmp_path, "demo")
    events = EventFile(run)
    with pytest.raises(RunError) as caught, events._wrap_os_errors():
        raise OSError(28, "No space left on device")
    assert str(caught.value) == (
        f"{run.path}: TensorBoard's file could not be written: No space left on device; free space, or mend the "
        f"folder's rights"
    )
