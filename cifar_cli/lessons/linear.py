"""Lesson `linear`: a fully connected layer is a matrix product and a sum, computed by hand and by torch."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.figures.matrix_sheet import MatrixSheet
from cifar_cli.formatting import signed
from cifar_cli.lessons.blackboard import Blackboard

X = torch.tensor([1.0, 2.0, 3.0])


def make_layer() -> nn.Linear:
    """Returns Linear(3, 5) with the same random weights each time."""
    torch.manual_seed(0)
    return nn.Linear(in_features=3, out_features=5)


def by_hand(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Returns Wx + b, number by number. weight: (O, I); bias: (O,); x: (I,) → (O,)."""
    outputs = []
    for row, offset in zip(weight.tolist(), bias.tolist(), strict=True):
        products = [w * number for w, number in zip(row, x.tolist(), strict=True)]
        outputs.append(sum(products) + offset)
    return torch.tensor(outputs)


def draw(layer: nn.Linear) -> Figure:
    """Draws W x + b = y as grids of numbers."""
    sheet = MatrixSheet("Linear(3, 5): every output is a row of W times x, plus its own b", width=14.4, height=8)
    sheet.grid(layer.weight.detach(), x=0.5, y=2, title="W  (5, 3)", note="one row per output")
    sheet.write("×", x=4, y=4.5, size=14, align="center", vertical="center")
    sheet.grid(X[:, None], x=4.5, y=3, title="x  (3,)")
    sheet.write("+", x=6.1, y=4.5, size=14, align="center", vertical="center")
    sheet.grid(layer.bias.detach()[:, None], x=6.7, y=2, title="b  (5,)")
    sheet.write("=", x=8.3, y=4.5, size=14, align="center", vertical="center")
    sheet.grid(layer(X).detach()[:, None], x=8.9, y=2, title="y  (5,)")
    sheet.outline(x=0.5, y=2, width=3, height=1)
    sheet.outline(x=8.9, y=2, width=1, height=1)
    sheet.write("Framed: the row of W", x=10.4, y=2.3, size=8)
    sheet.write("that makes the framed y", x=10.4, y=2.7, size=8)
    return sheet.figure


def run(board: Blackboard) -> None:
    """Shows the layer, computes its first output by hand, and compares all five."""
    layer = make_layer()
    weight, bias = layer.weight.detach(), layer.bias.detach()

    board.step("The layer and its numbers")
    board.say(
        "nn.Linear(3, 5) takes 3 numbers and returns 5. The layer has a matrix W, one row per output, and a vector b."
    )
    board.show(W=weight, b=bias, x=X)

    board.step("The first output by hand")
    products = " + ".join(f"{signed(w)}·{x:.0f}" for w, x in zip(weight[0].tolist(), X.tolist(), strict=True))
    board.line("y[0] = W[0][0]·x[0] + W[0][1]·x[1] + W[0][2]·x[2] + b[0]")
    board.line(f"     = {products} + {signed(float(bias[0]))}".replace("+ −", "− "))
    board.line(f"     = {signed(float(by_hand(weight, bias, X)[0]))}")

    board.step("All five outputs, by hand and by the module")
    board.show(by_hand=by_hand(weight, bias, X), module=layer(X), W_x_b=weight @ X + bias)

    board.step("A batch is a row per example")
    batch = torch.stack([X, 2 * X])
    board.say("Each row is computed independently: (2, 3) becomes (2, 5). torch computes x Wᵀ + b.")
    board.show(batch=batch, outputs=layer(batch))
    board.trap("a linear layer multiplies the last dimension only. A column of three numbers, (3, 1), does not fit.")
    board.right("put the features last: (3,) for one example, (B, 3) for a batch.")

    board.picture("linear", draw(layer))
    board.remember(
        "A linear layer is y = Wx + b: out × in weights and out biases, here 5·3 + 5 = 20 parameters.",
        "The weight has the shape (out_features, in_features), and examples are rows.",
    )
