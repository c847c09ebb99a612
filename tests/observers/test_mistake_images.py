"""The images of mistakes in TensorBoard: those of each epoch's own validation."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifar_cli.analysis.worst_mistakes import worst_mistakes
from cifar_cli.data.image_set import ImageSet
from cifar_cli.figures.mistakes_sheet import draw_mistakes
from cifar_cli.observers.event_file import EventFile
from cifar_cli.observers.mistake_images import MistakeImages
from cifar_cli.runs.run_folder import create_run
from cifar_cli.training.loop import fit

Make = Callable[..., Any]  # fixtures of conftest.py, which no file can import a type from


def pictures_of(tmp_path: Path, training: Any, val: ImageSet) -> list[Any]:
    run = create_run(tmp_path, "demo")
    events = EventFile(run)
    mistakes = MistakeImages(events, val=val, count=4, epochs=training.task.epochs)
    fit(training.state, training.task, runtime=training.runtime, observers=[events, mistakes])
    events.close()
    accumulator = EventAccumulator(str(run.path), size_guidance={"images": 0}).Reload()
    return accumulator.Images("mistakes") if "mistakes" in accumulator.Tags()["images"] else []


def test_each_epochs_picture_is_drawn_from_its_own_scores(
    tmp_path: Path, tiny_training: Make, make_images: Make
) -> None:
    training, val = tiny_training(epochs=2), make_images(10, seed=1)
    shown = pictures_of(tmp_path, training, val)
    assert [picture.step for picture in shown] == [4, 8]
    with torch.no_grad():
        logits = training.state.model.eval()(val.images / 255)
    worst = worst_mistakes(logits, val.labels, count=4)
    expected = draw_mistakes(worst, val.images[worst.indices], class_names=val.class_names, count=4)
    drawn = np.array(Image.open(io.BytesIO(shown[-1].encoded_image_string)))
    assert torch.equal(torch.from_numpy(drawn).permute(2, 0, 1), expected)


def test_without_validation_there_is_no_picture(tmp_path: Path, tiny_training: Make, make_images: Make) -> None:
    assert pictures_of(tmp_path, tiny_training(validated=False), make_images(10, seed=1)) == []
