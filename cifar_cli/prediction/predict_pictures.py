"""Asks a network about pictures: decodes them, brings them to the network's size, and computes probabilities."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from cifar_cli.builders.build_training import build_runtime
from cifar_cli.builders.build_transforms import build_preprocessing
from cifar_cli.builders.load_model import LoadedModel, NetworkFacts
from cifar_cli.data.datasets.decode_image import Pixels
from cifar_cli.data.datasets.decoded_images import OnDecoded, decode_files
from cifar_cli.data.datasets.listed_file import listed_file
from cifar_cli.errors import RunError, UsageError
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.prediction.find_pictures import PictureFile
from cifar_cli.training.calibration import probabilities_at

BATCH_SIZE = 250
MAX_KEPT = 100  # pictures to draw; all pixels of a folder might not fit into the memory
GREY = (19595, 38470, 7471)  # of 65536, ITU-R BT.601, as in Pillow: how bright red, green and blue look


@dataclass(frozen=True)
class PicturePrediction:
    """What a network says of a picture.

    pixels: uint8 (C, H, W), the picture as the network gets it, None where there are too many pictures to keep;
    probabilities: float64 (K,). is_doubtful: whether the largest is smaller than that of one in twenty held-out images;
    None if the network is not calibrated.
    """

    file: PictureFile
    pixels: Tensor | None
    probabilities: Tensor
    is_doubtful: bool | None

    def top(self, count: int) -> list[tuple[int, float]]:
        """Returns the most probable classes, at most `count`, each with its probability."""
        found = self.probabilities.topk(min(count, len(self.probabilities)))
        return list(zip(found.indices.tolist(), found.values.tolist(), strict=True))


@dataclass(frozen=True)
class Predictions:
    """The predictions, in the order of the files, and why other files could not be read, in words."""

    pictures: Sequence[PicturePrediction]
    unreadable: Sequence[tuple[PictureFile, str]]
    facts: NetworkFacts

    @property
    def kept(self) -> list[PicturePrediction]:
        """Those whose pixels are kept, the first ones."""
        return [picture for picture in self.pictures if picture.pixels is not None]

    def kept_pixels(self, count: int = MAX_KEPT) -> Tensor:
        """Returns the pixels of the first pictures, uint8 (N, C, H, W)."""
        return torch.stack([picture.pixels for picture in self.kept[:count] if picture.pixels is not None])


def predict_pictures(
    opened: LoadedModel, files: Sequence[PictureFile], facts: NetworkFacts, *, on_decoded: OnDecoded | None = None
) -> Predictions:
    """Returns a trained network's predictions.

    Raises UsageError for a network without class scores, RunError for one whose scores are no numbers.
    """
    runtime = build_runtime(opened.experiment)
    preprocess = build_preprocessing(opened.experiment, facts, runtime)
    model = opened.model.to(runtime.device)
    pictures: list[PicturePrediction] = []
    unreadable: list[tuple[PictureFile, str]] = []
    shape = opened.experiment.data.image_shape
    temperature = facts.calibration.temperature if facts.calibration else 1.0
    with closing(_decode(files, shape=shape, unreadable=unreadable, on_decoded=on_decoded)) as decoded:
        while batch := list(islice(decoded, BATCH_SIZE)):
            inputs = preprocess(torch.stack([pixels for _, pixels in batch]))
            with eval_mode(model), torch.inference_mode(), runtime.autocast():
                logits = _scores(model, inputs, num_classes=len(facts.class_names))
            for (file, pixels), row in zip(batch, probabilities_at(temperature, logits), strict=True):
                is_doubtful = float(row.max()) < facts.calibration.doubtful_below if facts.calibration else None
                kept = pixels if len(pictures) < MAX_KEPT else None
                pictures.append(PicturePrediction(file, kept, row, is_doubtful))
    return Predictions(pictures, unreadable, facts)


def _scores(model: nn.Module, inputs: Tensor, *, num_classes: int) -> Tensor:
    logits: Tensor = model(inputs)
    if logits.dim() != 2 or logits.shape[1] != num_classes:
        raise UsageError(
            f"cifar predict: expected a network with a score for each of the {num_classes} classes, found an output of "
            f"shape {tuple(logits.shape)}; take another run"
        )
    if not bool(logits.isfinite().all()):
        raise RunError(
            "cifar predict: expected scores that are numbers, found NaN or infinity: the network's weights are spoilt, "
            "as by too large a learning rate; take another run"
        )
    return logits


def _decode(
    files: Sequence[PictureFile],
    *,
    shape: tuple[int, int, int],
    unreadable: list[tuple[PictureFile, str]],
    on_decoded: OnDecoded | None,
) -> Generator[tuple[PictureFile, Tensor], None, None]:
    """Yields each file that can be read with its pixels, uint8 of that shape; the others are put into `unreadable`."""
    channels, side, _ = shape
    listed = [listed_file(file.path, name=file.name, label="") for file in files]
    for file, image in zip(files, decode_files(listed, size=side, on_decoded=on_decoded), strict=True):
        if image.pixels is None:
            unreadable.append((file, image.issue))
        else:
            yield file, torch.from_numpy(_to_grey(image.pixels) if channels == 1 else image.pixels.copy())


def _to_grey(pixels: Pixels) -> Pixels:
    """Returns the brightness (1, H, W) of pixels (3, H, W)."""
    weighted = (pixels.astype(np.uint32) * np.array(GREY, np.uint32)[:, None, None]).sum(axis=0, keepdims=True)
    grey: Pixels = ((weighted + 32768) // 65536).astype(np.uint8)
    return grey
