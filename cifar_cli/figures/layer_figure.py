"""What a picture of `cifar visualize-layer` comes to: the figure, and what is told about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

MEASURED_IMAGES = 1000  # of which it is told how much is zero; a few would call a rare unit dead


@dataclass(frozen=True)
class LayerFigure:
    """A finished picture, and sentences on what is in it."""

    figure: Figure
    facts: Sequence[str]
