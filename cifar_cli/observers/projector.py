"""Writes the files of TensorBoard's projector: a point for each image, with its thumbnail and labels.

TensorBoard reads projector_config.pbtxt in the run's folder, which names the other files. Its own `add_embedding` would
write them to a folder named 00000 and print a warning at the second call.
"""

import math
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from google.protobuf import text_format  # type: ignore[import-untyped]
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig  # type: ignore[import-untyped]
from torch import Tensor

from cifar_cli.errors import RunError
from cifar_cli.figures.tiles import to_pictures
from cifar_cli.runs.atomic_files import write_atomically, write_text
from cifar_cli.runs.run_folder import RunFolder


def write_projector(
    run: RunFolder, *, vectors: Tensor, images: Tensor, labels: Tensor, logits: Tensor, class_names: Sequence[str]
) -> None:
    """Writes vectors (N, F), images uint8 (N, C, H, W), labels int64 (N,), and predictions from logits (N, K).

    Raises RunError where a file cannot be written.
    """
    folder = run.path / "projector"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: could not be made: {error.strerror}; mend the folder's rights") from error
    write_text(folder / "vectors.tsv", _rows([[f"{value:.6g}" for value in row] for row in vectors.tolist()]))
    write_text(folder / "labels.tsv", _labels(labels, logits, class_names))
    sprite = BytesIO()
    _contact_sheet(images).save(sprite, format="PNG")
    write_atomically(folder / "images.png", lambda file: file.write(sprite.getvalue()))
    write_text(run.path / "projector_config.pbtxt", _config(vectors, images))


def _config(vectors: Tensor, images: Tensor) -> str:
    config = ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = f"{len(vectors)} test images, {vectors.shape[1]} numbers each"
    embedding.tensor_path = "projector/vectors.tsv"
    embedding.tensor_shape.extend(vectors.shape)
    embedding.metadata_path = "projector/labels.tsv"
    embedding.sprite.image_path = "projector/images.png"
    embedding.sprite.single_image_dim.extend([images.shape[3], images.shape[2]])  # width, height
    text: str = text_format.MessageToString(config)
    return text


def _labels(labels: Tensor, logits: Tensor, class_names: Sequence[str]) -> str:
    probabilities = logits.float().softmax(dim=1)
    rows = [["class", "predicted", "confidence", "right"]]
    for label, row in zip(labels.tolist(), probabilities, strict=True):
        predicted = int(row.argmax())
        right = "right" if predicted == label else "wrong"
        rows.append([class_names[label], class_names[predicted], f"{row[predicted].item():.3f}", right])
    return _rows(rows)


def _rows(rows: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _contact_sheet(images: Tensor) -> Image.Image:
    """Returns the images row by row in a square, the layout that the projector reads."""
    side = math.ceil(math.sqrt(len(images)))
    height, width = images.shape[2:]
    sheet = np.zeros((side * height, side * width, 3), dtype=np.uint8)
    for place, picture in enumerate(to_pictures(images)):
        row, column = divmod(place, side)
        pixels = picture.expand(3, -1, -1).permute(1, 2, 0).numpy()
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = pixels
    return Image.fromarray(sheet)
