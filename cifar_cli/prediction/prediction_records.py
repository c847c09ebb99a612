"""Predictions for other programs: one JSON object, or CSV with a line per picture."""

import csv
import io
from typing import Any

from cifar_cli.builders.load_model import LoadedModel
from cifar_cli.prediction.predict_pictures import Predictions


def as_json(predictions: Predictions, opened: LoadedModel, *, top: int) -> dict[str, Any]:
    """Returns the predictions as JSON values; `unlike_training` is null for a network that is not calibrated."""
    facts = predictions.facts
    return {
        "network": opened.source,
        "run": str(opened.run.path),
        "checkpoint": str(opened.checkpoint),
        "synthetic": opened.experiment.data.is_synthetic,
        "temperature": facts.calibration.temperature if facts.calibration else None,
        "pictures": [
            {
                "file": picture.file.name,
                "classes": [
                    {"class": facts.class_names[index], "probability": probability}
                    for index, probability in picture.top(top)
                ],
                "unlike_training": picture.is_doubtful,
            }
            for picture in predictions.pictures
        ],
        "unreadable": [{"file": file.name, "reason": reason} for file, reason in predictions.unreadable],
    }


def as_csv(predictions: Predictions, *, top: int) -> str:
    """Returns the predictions as CSV: file, class, probability, unlike_training, class_2, probability_2, …"""
    names = predictions.facts.class_names
    shown = min(top, len(names))
    others = [f"{column}_{place}" for place in range(2, shown + 1) for column in ("class", "probability")]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["file", "class", "probability", "unlike_training", *others])
    for picture in predictions.pictures:
        cells = [(names[index], f"{probability:.6f}") for index, probability in picture.top(shown)]
        doubtful = "" if picture.is_doubtful is None else str(picture.is_doubtful).lower()
        writer.writerow([picture.file.name, *cells[0], doubtful, *(cell for pair in cells[1:] for cell in pair)])
    return buffer.getvalue()
