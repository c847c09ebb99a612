"""Reads back the pictures that a training wrote for TensorBoard. Knows nothing of what they show."""

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from torch import Tensor

from cifar_cli.errors import RunError

ALL_PICTURES = {"images": 0}  # tensorboard's word for no limit; it keeps four of each tag otherwise


class RecordedPictures:
    """The pictures in a run's event files."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._events = EventAccumulator(str(run), size_guidance=ALL_PICTURES)
        if run.is_dir():
            self._events.Reload()

    @property
    def tags(self) -> list[str]:
        """What there are pictures of, such as features/conv1."""
        return list(self._events.Tags()["images"])

    def of(self, tag: str) -> dict[int, Tensor]:
        """Returns the pictures under a tag: by step, in order, each uint8 (3, height, width), the last one written.

        Raises RunError for one that cannot be read.
        """
        if tag not in self.tags:
            return {}
        try:
            pictures = {event.step: _decode(event.encoded_image_string) for event in self._events.Images(tag)}
        except (OSError, ValueError, SyntaxError) as error:  # what PIL raises for a damaged PNG
            raise RunError(
                f"{self._run}: expected pictures of {tag} in TensorBoard's file, found a damaged one: {error}; "
                f"train again, or leave --over-time out"
            ) from error
        return dict(sorted(pictures.items()))


def _decode(png: bytes) -> Tensor:
    return torch.from_numpy(np.array(Image.open(BytesIO(png)).convert("RGB"))).permute(2, 0, 1)
