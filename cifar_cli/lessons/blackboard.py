"""The output of a lesson: text and numbers on the screen, pictures in its folder."""

import math
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from cifar_cli import formatting
from cifar_cli.console.streams import warn
from cifar_cli.errors import RunError, describe_write_error
from cifar_cli.figures.save_png import save_png
from cifar_cli.observers.event_file import tensorboard_errors

WIDTH = 78  # characters: a terminal of 80 columns holds every line
GAP = "   "  # between tensors side by side


class Blackboard:
    """A context manager. folder: the folder of the lesson; written: the names of what was written there.

    A folder that cannot be written to costs the lesson its pictures and curves, not its text: there is a warning.
    """

    def __init__(self, folder: Path, *, console: Console) -> None:
        self.folder = folder
        self.pictures: list[Path] = []
        self._console = console
        self._steps = 0
        self._writer: SummaryWriter | None = None  # None: nothing is written

    def __enter__(self) -> Self:
        with self._stops_writing_after_an_error():
            self._make_folder()
            self._writer = SummaryWriter(str(self.folder))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._stops_writing_after_an_error():
            if self._writer:
                self._writer.close()

    @property
    def written(self) -> list[str]:
        """The names of the pictures and of TensorBoard's folder."""
        return [*map(str, self.pictures), *([f"{self.folder} (TensorBoard)"] if self._writer else [])]

    def step(self, title: str) -> None:
        """Prints the numbered heading of a part of the lesson."""
        self._steps += 1
        self._print(f"\n{self._steps}  {title}", style="bold")

    def say(self, text: str) -> None:
        """Prints an explanation, wrapped into lines."""
        for line in textwrap.wrap(" ".join(text.split()), WIDTH):
            self._print(line)

    def line(self, text: str) -> None:
        """Prints a line of code, of a formula or of a table, indented and unchanged."""
        self._print(f"    {text}".rstrip())

    def show(self, **tensors: Tensor) -> None:
        """Prints vectors and matrices side by side, each below its name and shape."""
        blocks = [_block(name, tensor) for name, tensor in tensors.items()]
        for row in range(max(map(len, blocks))):
            cells = [block[row] if row < len(block) else " " * len(block[0]) for block in blocks]
            self.line(GAP.join(cells))

    def trap(self, text: str) -> None:
        """Prints a warning of a common mistake."""
        self._labelled("Trap: ", text, style="red")

    def right(self, text: str) -> None:
        """Prints how to avoid the mistake."""
        self._labelled("Right: ", text, style="green")

    def remember(self, *sentences: str) -> None:
        """Prints the sentences to remember, at the end of the lesson."""
        self._print("\nWhat to remember", style="bold")
        for sentence in sentences:
            self._labelled("· ", sentence, style=None)

    def picture(self, name: str, figure: Figure) -> None:
        """Writes NAME.png, and the same picture into TensorBoard."""
        with self._stops_writing_after_an_error():
            if self._writer:
                path = save_png(figure, self.folder / f"{name}.png")
                self.pictures.append(path)
                with Image.open(path) as image:
                    self._writer.add_image(name, np.asarray(image.convert("RGB")), dataformats="HWC")

    def curve(self, tag: str, values: Sequence[float]) -> None:
        """Writes a number per step into TensorBoard; steps count from 1."""
        with self._stops_writing_after_an_error():
            for step, value in enumerate(values, start=1):
                if self._writer:
                    self._writer.add_scalar(tag, value, step)

    def graph(self, model: nn.Module, batch: Tensor) -> None:
        """Writes the network's graph into TensorBoard."""
        with self._stops_writing_after_an_error(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # add_graph uses a kind of tracing that torch deprecates
            if self._writer:
                self._writer.add_graph(model, batch)

    def _make_folder(self) -> None:
        """Makes the folder without the events of an earlier run: TensorBoard draws all events of a folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for events in self.folder.glob("events.out.tfevents.*"):
                events.unlink()
        except OSError as error:
            raise RunError(f"{self.folder}: could not be written: {describe_write_error(error)}") from error

    @contextmanager
    def _stops_writing_after_an_error(self) -> Iterator[None]:
        try:
            with tensorboard_errors(self.folder):
                yield
        except RunError as error:
            self._writer = None
            warn(f"{error}; the lesson goes on without pictures and curves")

    def _labelled(self, label: str, text: str, *, style: str | None) -> None:
        indent = " " * len(label)
        lines = textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent=label, subsequent_indent=indent)
        for line in lines:
            self._print(line, style=style)

    def _print(self, text: str, *, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _block(name: str, tensor: Tensor) -> list[str]:
    """Returns a vector as a column, a matrix, or the first matrix of a larger tensor as lines of one width."""
    is_vector = tensor.dim() == 1
    shape = f"{len(tensor)}," if is_vector else "×".join(map(str, tensor.shape)) or "one number"
    matrix = tensor.detach()[:, None] if is_vector else tensor.detach()
    while matrix.dim() > 2:
        matrix = matrix[0]
    rows = np.atleast_2d(matrix.numpy()).tolist()
    decimals = max(_decimals(number) for row in rows for number in row)
    cells = [[formatting.signed(number, digits=decimals) for number in row] for row in rows]
    width = max(len(cell) for row in cells for cell in row)
    lines = [f"{name} ({shape})", *(" ".join(cell.rjust(width) for cell in row) for row in cells)]
    longest = max(map(len, lines))
    return [line.ljust(longest) for line in lines]


def _decimals(number: float) -> int:
    """Returns the smallest number of decimals that is exact in float32, at most four."""
    if not math.isfinite(number):
        return 0
    return next((few for few in range(4) if math.isclose(round(number, few), number, rel_tol=1e-6)), 4)
