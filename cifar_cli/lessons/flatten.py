"""Lesson `flatten`: each image becomes a row of numbers, unless the whole batch becomes one row by mistake."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.figures.matrix_sheet import MatrixSheet
from cifar_cli.figures.style import BLUE, GREEN, RED
from cifar_cli.lessons.blackboard import Blackboard

BATCH_SIZE, CHANNELS, SIZE, CLASSES = 64, 3, 32, 10
PIXELS = CHANNELS * SIZE * SIZE  # 3072 numbers an image
SMALL = torch.arange(1.0, 13.0).reshape(3, 1, 2, 2)  # three images of four pixels, to look at


def make_batch(size: int = BATCH_SIZE) -> Tensor:
    """Returns images of noise, (size, 3, 32, 32): only shapes matter here."""
    return torch.rand(size, CHANNELS, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def one_row_for_all(batch: Tensor) -> tuple[Tensor, Tensor]:
    """Returns torch.flatten(batch), (B·3072,), and the output of a linear layer of that width, (10,)."""
    torch.manual_seed(0)
    row = torch.flatten(batch)
    return row, nn.Linear(BATCH_SIZE * PIXELS, CLASSES)(row).detach()


def a_row_each(batch: Tensor) -> tuple[Tensor, Tensor]:
    """Returns Flatten(start_dim=1) of the batch, (B, 3072), and the logits of a linear layer, (B, 10)."""
    torch.manual_seed(0)
    rows = nn.Flatten(start_dim=1)(batch)
    return rows, nn.Linear(PIXELS, CLASSES)(rows).detach()


def rows_changed_by_first_image(flatten: nn.Module, linear: nn.Linear) -> int:
    """Returns how many rows of the output change when the first image of the batch changes."""
    batch = make_batch()
    changed = batch.clone()
    changed[0] = 0
    before, after = (linear(flatten(images)).reshape(-1, CLASSES) for images in (batch, changed))
    return int((before != after).any(dim=1).sum())


def draw() -> Figure:
    """Draws three small images, flattened in both ways."""
    sheet = MatrixSheet("Three images of 2×2 pixels, flattened in two ways", width=15.6, height=9.2)
    colours = (RED, BLUE, GREEN)
    for number, (image, colour) in enumerate(zip(SMALL, colours, strict=True)):
        y = 2.2 + 2.2 * number
        sheet.grid(image[0], x=0.6, y=y, title="batch  (3, 1, 2, 2)" if number == 0 else "")
        sheet.outline(x=0.6, y=y, width=2, height=2, colour=colour)
    sheet.grid(torch.flatten(SMALL)[None], x=3.4, y=2.7, title="torch.flatten(batch)  →  (12,)    one row for all")
    sheet.grid(torch.flatten(SMALL, start_dim=1), x=3.4, y=5.5, title="Flatten(start_dim=1)  →  (3, 4)    a row each")
    for number, colour in enumerate(colours):
        sheet.outline(x=3.4 + 4 * number + 0.04, y=2.74, width=3.92, height=0.92, colour=colour)
        sheet.outline(x=3.44, y=5.54 + number, width=3.92, height=0.92, colour=colour)
    sheet.write("A linear layer takes a row", x=8.2, y=6.5, size=9)
    sheet.write("and gives a row: above one", x=8.2, y=7.05, size=9)
    sheet.write("for three images, here three.", x=8.2, y=7.6, size=9)
    return sheet.figure


def run(board: Blackboard) -> None:
    """Shows the mistake on a batch of CIFAR-10's shape, its consequences, and the right way."""
    batch = make_batch()

    board.step("A batch of CIFAR-10 images")
    board.line(f"batch                     {tuple(batch.shape)}")
    board.line("64 images · 3 colours · 32 rows · 32 columns = 196,608 numbers")

    board.step("torch.flatten(batch)")
    row, answer = one_row_for_all(batch)
    board.line(f"torch.flatten(batch)      {tuple(row.shape)}")
    board.line(f"Linear(196608, 10)        {tuple(answer.shape)}")
    board.trap(
        "64 images become one vector, so the layer returns one row of ten numbers for the whole batch. 64 labels have "
        "nothing to be compared with, and the layer learns the position of each image in the batch."
    )
    changed = rows_changed_by_first_image(nn.Flatten(start_dim=0), nn.Linear(BATCH_SIZE * PIXELS, CLASSES))
    board.line(f"another first image changes {changed} of 1 row: the outputs of all images")
    try:
        one_row_for_all(make_batch(16))
    except RuntimeError as error:
        board.say("The layer also fits only one batch size. For the last 16 of the 10,000 test images torch raises")
        board.line(str(error))
        board.say("so the tutorial needs drop_last=True, which leaves out 16 images.")

    board.step("nn.Flatten(start_dim=1)")
    rows, logits = a_row_each(batch)
    board.line(f"Flatten(start_dim=1)      {tuple(rows.shape)}")
    board.line(f"Linear(3072, 10)          {tuple(logits.shape)}")
    board.right(
        "keep the first dimension, which counts the images. The default start_dim of nn.Flatten is 1, but that of "
        "torch.flatten is 0."
    )
    changed = rows_changed_by_first_image(nn.Flatten(), nn.Linear(PIXELS, CLASSES))
    board.line(f"another first image changes {changed} of 64 rows: its own")
    board.line(f"a batch of 16 gives       {tuple(a_row_each(make_batch(16))[1].shape)}")
    few, many = PIXELS * CLASSES + CLASSES, BATCH_SIZE * PIXELS * CLASSES + CLASSES
    board.line(f"parameters                {few:,} instead of {many:,}")

    board.picture("flatten", draw())
    board.remember(
        "The first dimension is the batch: flatten from dimension 1.",
        "A layer whose size depends on the batch size is a mistake.",
    )
