"""Lesson `pooling`: the largest number of each window, and the effect of `ceil_mode` at the edge."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.figures.matrix_sheet import MatrixSheet
from cifar_cli.figures.style import BLUE, GREEN, ORANGE, RED
from cifar_cli.lessons.blackboard import Blackboard
from cifar_cli.lessons.convolution import IMAGE

EIGHT = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])


def output_size(size: int, *, kernel_size: int, stride: int, padding: int = 0, ceil_mode: bool = False) -> int:
    """Returns the height or width of the output.

    With `ceil_mode` the division rounds up, but a window that starts beyond the image and its left padding is left
    out, since it contains no pixel.
    """
    span = size + 2 * padding - kernel_size
    if not ceil_mode:
        return span // stride + 1
    outputs = -(-span // stride) + 1
    if (outputs - 1) * stride >= size + padding:
        outputs -= 1
    return outputs


def pool(image: Tensor, *, kernel_size: int, ceil_mode: bool = False) -> Tensor:
    """Returns the largest number of each window, window by window. image: (H, W) → (H', W').

    Windows are side by side (stride = kernel_size); a window across the edge uses the pixels inside the image.
    """
    rows, columns = (
        output_size(size, kernel_size=kernel_size, stride=kernel_size, ceil_mode=ceil_mode) for size in image.shape
    )
    pooled = torch.empty(rows, columns)
    for row in range(rows):
        for column in range(columns):
            top, left = row * kernel_size, column * kernel_size
            pooled[row, column] = image[top : top + kernel_size, left : left + kernel_size].max()
    return pooled


def draw() -> Figure:
    """Draws the 5×5 image with its four windows, and both outputs."""
    sheet = MatrixSheet("MaxPool2d(3) on 5×5: does a window count that sticks out?", width=17.4, height=9.6)
    left, top = 0.6, 2.2
    sheet.grid(IMAGE, x=left, y=top, title="image  5×5")
    for x, y, colour in ((0, 0, RED), (3, 0, BLUE), (0, 3, GREEN), (3, 3, ORANGE)):
        width, height = 3 - 0.08, 3 - 0.08
        sheet.outline(x=left + x + 0.04, y=top + y + 0.04, width=width, height=height, colour=colour, dashed=x + y > 0)
    sheet.grid(pool(IMAGE, kernel_size=3), x=8.2, y=3.2, title="ceil_mode=False  →  1×1", note="⌊(5 − 3) / 3⌋ + 1 = 1")
    sheet.grid(
        pool(IMAGE, kernel_size=3, ceil_mode=True),
        x=12.8,
        y=3.2,
        title="ceil_mode=True  →  2×2",
        note="⌈(5 − 3) / 3⌉ + 1 = 2",
    )
    sheet.outline(x=8.24, y=3.24, width=0.92, height=0.92)
    for x, y, colour in ((0, 0, RED), (1, 0, BLUE), (0, 1, GREEN), (1, 1, ORANGE)):
        sheet.outline(x=12.84 + x, y=3.24 + y, width=0.92, height=0.92, colour=colour, dashed=x + y > 0)
    sheet.write("dashed windows stick out of the image", x=8.2, y=7.4, size=8)
    sheet.write("and take the largest number that they still see", x=8.2, y=7.85, size=8)
    return sheet.figure


def run(board: Blackboard) -> None:
    """Pools the small example, then the 5×5 image without and with ceil_mode."""
    board.step("MaxPool2d(2): the largest number of every 2×2 window")
    pooled = nn.MaxPool2d(2)(EIGHT[None])  # (1, 2, 4) → (1, 1, 2): one channel
    board.show(image=EIGHT, pooled=pooled[0])
    board.line("max(1, 2, 5, 6) = 6        max(3, 4, 7, 8) = 8")
    board.say("The windows are side by side: the default stride of a pooling is its kernel_size.")

    board.step("MaxPool2d(3) on 5×5: only one window fits")
    board.show(image=IMAGE, pooled=nn.MaxPool2d(3)(IMAGE[None])[0])
    board.line("⌊(5 − 3) / 3⌋ + 1 = 1")
    board.trap("two rows and two columns of the image are not used, and the 5 at the left edge is lost.")

    board.step("ceil_mode=True: windows may cross the edge")
    board.show(image=IMAGE, pooled=nn.MaxPool2d(3, ceil_mode=True)(IMAGE[None])[0])
    board.line("⌈(5 − 3) / 3⌉ + 1 = 2")
    board.say("A window across the edge uses the numbers inside the image. A window that starts outside is dropped:")
    for size, kernel_size, stride in ((5, 3, 3), (32, 3, 3), (4, 2, 3), (5, 1, 3)):
        sizes = [
            output_size(size, kernel_size=kernel_size, stride=stride, ceil_mode=ceil_mode)
            for ceil_mode in (False, True)
        ]
        board.line(f"size {size:2}, kernel {kernel_size}, stride {stride}:  floor {sizes[0]:2}   ceil {sizes[1]:2}")
    board.line("the last: ⌈(5 − 1) / 3⌉ + 1 = 3, but the third window starts at 6: so 2")
    board.right("choose sizes that divide (32 → 16 → 8 → 4 with MaxPool2d(2)); then ceil_mode has no effect.")

    board.step("Pooling has no parameters")
    gradient = pooling_gradient()
    board.say("Pooling learns nothing. The gradient goes only to the largest number of each window:")
    board.show(image=EIGHT, gradient=gradient)

    board.picture("pooling", draw())
    board.remember(
        "Max pooling keeps the largest number of each window and makes the image smaller, channel by channel.",
        "ceil_mode decides whether windows across the right and lower edge are dropped (floor) or kept (ceil).",
    )


def pooling_gradient() -> Tensor:
    """Returns the gradient of the sum of MaxPool2d(2)'s outputs with respect to its input (2, 4)."""
    image = EIGHT.clone().requires_grad_()
    nn.MaxPool2d(2)(image[None]).sum().backward()
    assert image.grad is not None
    return image.grad
