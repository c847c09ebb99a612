"""Reads the pictures that a training wrote to TensorBoard's event files."""

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from torch import Tensor

from cifar_cli.errors import RunError

ALL_PICTURES = {"images": 0}  # 0: no limit; TensorBoard's default keeps four pictures of each tag


class RecordedPictures:
    """The pictures in a run's event files."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._events = EventAccumulator(str(run), size_guidance=ALL_PICTURES)
        if run.is_dir():
            self._events.Reload()

    @property
    def tags(self) -> list[str]:
        """The tags that have pictures, such as features/conv1."""
        return list(self._events.Tags()["images"])

    def of(self, tag: str) -> dict[int, Tensor]:
        """Returns a tag's pictures by step, in order: the last one of each step, uint8 (3, height, width).

        Raises RunError for a picture that cannot be decoded.
        """
        if tag not in self.tags:
            return {}
        try:
            pictures = {event.step: _decode(event.encoded_image_string) for event in self._events.Images(tag)}
        except (OSError, ValueError, SyntaxError) as error:  # PIL raises these for a damaged PNG
            raise RunError(
                f"{self._run}: expected pictures of {tag} in TensorBoard's file, found a damaged one: {error}; "
                f"train again, or leave --over-time out"
            ) from error
        return dict(sorted(pictures.items()))


def _decode(png: bytes) -> Tensor:
    return torch.from_numpy(np.array(Image.open(BytesIO(png)).convert("RGB"))).permute(2, 0, 1)
