"""Writes the files of TensorBoard's projector: a point per image, with the image, its class and the prediction.

TensorBoard reads projector_config.pbtxt in the run folder, which names the other files. torch's `add_embedding` would
use a folder named 00000, and print a warning for the second call.
"""

from collections.abc import Sequence

from google.protobuf import text_format  # type: ignore[import-untyped]
from tensorboard.plugins.projector import ProjectorConfig  # type: ignore[import-untyped]
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.errors import RunError, describe_write_error
from cifar_cli.figures.mosaic import contact_sheet, save_picture
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.run_folder import RunFolder


def write_projector(
    run: RunFolder, *, vectors: Tensor, images: Tensor, labels: Tensor, logits: Tensor, class_names: Sequence[str]
) -> None:
    """Writes a point for each of the vectors (N, F), with its true class, prediction and confidence as labels.

    images: uint8 (N, C, H, W). labels: (N,). logits: (N, K). Raises RunError if a file cannot be written.
    """
    folder = run.path / "projector"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: could not be made: {describe_write_error(error)}") from error
    write_text(folder / "vectors.tsv", _rows([[f"{value:.6g}" for value in row] for row in vectors.tolist()]))
    write_text(folder / "labels.tsv", _labels(labels, logits, class_names))
    save_picture(contact_sheet(images), folder / "images.png")
    write_text(run.path / "projector_config.pbtxt", _config(vectors, images))


def _config(vectors: Tensor, images: Tensor) -> str:
    config = ProjectorConfig()
    embedding = config.embeddings.add()
    embedding.tensor_name = (
        f"{formatting.count(len(vectors), 'test image')}, {formatting.count(vectors.shape[1], 'number')} each"
    )
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
