"""Pictures read back from a real event file."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.errors import RunError
from cifar_cli.runs.recorded_pictures import RecordedPictures


def test_all_pictures_come_back_in_order_with_the_last_of_each_step(tmp_path: Path) -> None:
    pictures = {step: torch.randint(256, (3, 4, 5), dtype=torch.uint8) for step in (0, 10, 20, 30, 40, 50)}
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_image("features/conv1", torch.zeros(3, 4, 5, dtype=torch.uint8), 20)
        for step, picture in pictures.items():
            writer.add_image("features/conv1", picture, step)
        writer.add_scalar("loss/train", 1.0, 0)
    recorded = RecordedPictures(tmp_path)
    assert recorded.tags == ["features/conv1"]
    found = recorded.of("features/conv1")
    assert list(found) == [0, 10, 20, 30, 40, 50]
    assert all(torch.equal(found[step], picture) for step, picture in pictures.items())
    assert recorded.of("features/conv2") == {}


def test_a_folder_without_events_has_none(tmp_path: Path) -> None:
    assert RecordedPictures(tmp_path).tags == []
    assert RecordedPictures(tmp_path / "missing").of("features/conv1") == {}


def test_a_damaged_picture_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_image("features/conv1", torch.zeros(3, 4, 5, dtype=torch.uint8), 0)
    recorded = RecordedPictures(tmp_path)
    (event,) = recorded._events.Images("features/conv1")
    damaged = replace(event, encoded_image_string=event.encoded_image_string[:20])
    monkeypatch.setattr(recorded._events, "Images", lambda tag: [damaged])
    message = (
        "expected pictures of features/conv1 in TensorBoard's file, found a damaged one: .*; train again, or leave"
    )
    with pytest.raises(RunError, match=message):
        recorded.of("features/conv1")
