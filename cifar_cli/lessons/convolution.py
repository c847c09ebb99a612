"""Lesson `convolution`: a small kernel slides over an image; stride and padding determine the output size."""

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.figures.matrix_sheet import MatrixSheet
from cifar_cli.figures.style import BLUE
from cifar_cli.lessons.blackboard import Blackboard

IMAGE = torch.tensor(
    [
        [1.0, 2.0, 0.0, 3.0, 1.0],
        [0.0, 1.0, 2.0, 3.0, 1.0],
        [1.0, 2.0, 1.0, 0.0, 0.0],
        [5.0, 2.0, 3.0, 1.0, 1.0],
        [2.0, 1.0, 0.0, 1.0, 1.0],
    ]
)
KERNEL = torch.tensor([[1.0, 2.0, 1.0], [0.0, 1.0, 0.0], [2.0, 1.0, 0.0]])
NINE = torch.arange(1.0, 10.0).reshape(3, 3)


def output_size(size: int, *, kernel_size: int, stride: int = 1, padding: int = 0) -> int:
    """Returns ⌊(size + 2·padding − kernel_size) / stride⌋ + 1, the height or width of the output."""
    return (size + 2 * padding - kernel_size) // stride + 1


def slide(image: Tensor, kernel: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
    """Returns the convolution, window by window: the sum of the products of window and kernel.

    image: (H, W); kernel: (K, K) → (H', W').
    """
    image = F.pad(image, (padding, padding, padding, padding))  # zeros all around
    size = len(kernel)
    rows = range(0, image.shape[0] - size + 1, stride)
    columns = range(0, image.shape[1] - size + 1, stride)
    windows = [[image[row : row + size, column : column + size] for column in columns] for row in rows]
    return torch.stack([torch.stack([(window * kernel).sum() for window in line]) for line in windows])


def by_torch(image: Tensor, kernel: Tensor, *, stride: int = 1, padding: int = 0) -> Tensor:
    """Returns torch's answer. F.conv2d takes images (B, C, H, W) and kernels (out, in, K, K)."""
    return F.conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)[0, 0]


def make_layer() -> nn.Conv2d:
    """Returns Conv2d(1, 2, 3, padding=1) with the same random weights each time."""
    torch.manual_seed(0)
    return nn.Conv2d(in_channels=1, out_channels=2, kernel_size=3, padding=1)


def draw() -> Figure:
    """Draws the image, the kernel and three outputs, with frames around the first window and its output."""
    sheet = MatrixSheet("A 3×3 kernel on a 5×5 image", width=15.6, height=15.4)
    sheet.grid(IMAGE, x=0.6, y=2.2, title="image  5×5")
    sheet.write("∗", x=6.3, y=4.7, size=16, align="center", vertical="center")
    sheet.grid(KERNEL, x=7, y=3.2, title="kernel  3×3")
    sheet.write("=", x=10.7, y=4.7, size=16, align="center", vertical="center")
    sheet.grid(slide(IMAGE, KERNEL), x=11.4, y=3.2, title="stride 1  →  3×3", note="⌊(5 + 2·0 − 3) / 1⌋ + 1 = 3")
    sheet.outline(x=0.6, y=2.2, width=3, height=3)
    sheet.outline(x=11.4, y=3.2, width=1, height=1)
    sheet.outline(x=2.6, y=2.2, width=3, height=3, colour=BLUE, dashed=True)
    sheet.write("framed: the first window, and the 10 that it makes", x=0.6, y=7.75, size=8)
    sheet.write("dashed: where stride 2 goes next", x=0.6, y=8.25, size=8)
    sheet.grid(
        slide(IMAGE, KERNEL, stride=2), x=0.6, y=10.2, title="stride 2  →  2×2", note="⌊(5 + 2·0 − 3) / 2⌋ + 1 = 2"
    )
    sheet.outline(x=1.6, y=10.2, width=1, height=1, colour=BLUE, dashed=True)
    sheet.grid(
        slide(IMAGE, KERNEL, padding=1),
        x=7,
        y=9.6,
        title="stride 1, padding 1  →  5×5",
        note="⌊(5 + 2·1 − 3) / 1⌋ + 1 = 5",
    )
    sheet.outline(x=8, y=10.6, width=3, height=3)
    sheet.write("framed: what was there", x=12.4, y=11.8, size=8)
    sheet.write("without padding", x=12.4, y=12.25, size=8)
    return sheet.figure


def run(board: Blackboard) -> None:
    """Computes the first window by hand, then shows stride, padding, and a layer with two kernels."""
    board.step("One window")
    board.say("Put the kernel on the upper left corner, multiply each pair of numbers, and add the products:")
    window = IMAGE[:3, :3]
    board.show(window=window, kernel=KERNEL, products=window * KERNEL)
    board.line(" + ".join(f"{number:.0f}" for number in (window * KERNEL).flatten().tolist()) + " = 10")

    board.step("Move the kernel by one: stride 1")
    board.show(image=IMAGE, kernel=KERNEL, output=slide(IMAGE, KERNEL))
    board.line("output size = ⌊(size + 2·padding − kernel_size) / stride⌋ + 1")
    board.line("            = ⌊(5 + 2·0 − 3) / 1⌋ + 1 = 3")

    board.step("Move the kernel by two: stride 2 keeps every other number")
    board.show(output=slide(IMAGE, KERNEL, stride=2))
    board.line("⌊(5 + 2·0 − 3) / 2⌋ + 1 = 2")

    board.step("A border of zeros: padding 1 keeps the size")
    board.show(output=slide(IMAGE, KERNEL, padding=1))
    board.line("⌊(5 + 2·1 − 3) / 1⌋ + 1 = 5")
    board.say("F.conv2d gives the same numbers in all three cases:")
    for stride, padding in ((1, 0), (2, 0), (1, 1)):
        outputs = [convolve(IMAGE, KERNEL, stride=stride, padding=padding) for convolve in (by_torch, slide)]
        same = "the same" if torch.equal(*outputs) else "NOT the same"
        board.line(f"F.conv2d(image, kernel, stride={stride}, padding={padding}): {same}")
    board.trap(
        "F.conv2d takes (B, C, H, W) and raises an error for a 5×5 matrix; write torch.reshape(image, (1, 1, 5, 5))."
    )
    board.trap("a convolution in mathematics flips the kernel first. torch does not: it computes a cross-correlation.")

    board.step("A layer learns its kernels: Conv2d(1, 2, 3, padding=1)")
    layer = make_layer()
    channels = layer(NINE[None]).detach()  # (2, 3, 3)
    board.say("Two kernels give two output channels. Each kernel has a bias and starts with random numbers.")
    kernels, biases = layer.parameters()  # (2, 1, 3, 3) and (2,)
    board.show(image=NINE, kernel_0=kernels[0, 0], kernel_1=kernels[1, 0])
    board.show(channel_0=channels[0], channel_1=channels[1], biases=biases)
    board.line("parameters: 2·(1·3·3) + 2 = 20")

    board.picture("convolution", draw())
    board.remember(
        "A convolution is the same small weighted sum at every position. The stride is its step, the padding a border.",
        "output size = ⌊(size + 2·padding − kernel_size) / stride⌋ + 1. A 3×3 kernel with padding 1 keeps the size.",
    )
