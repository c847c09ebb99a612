"""Lesson `module`: a network is a class that registers the layers assigned to `self`."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.figures.matrix_sheet import MatrixSheet
from cifar_cli.lessons.blackboard import Blackboard

FEATURES = torch.tensor([[1.0, -1.0], [0.5, 2.0], [-1.5, 0.0]])  # three examples of two features


class Net(nn.Module):
    """A network with two features, three hidden units and one output. (B, 2) → (B, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_features=2, out_features=3)
        self.act1 = nn.ReLU()
        self.fc2 = nn.Linear(in_features=3, out_features=1)

    def forward(self, features: Tensor) -> Tensor:
        hidden = self.act1(self.fc1(features))  # (B, 3)
        outputs: Tensor = self.fc2(hidden)  # (B, 1)
        return outputs


class ListNet(nn.Module):
    """A network with its layers in a plain list, which nn.Module does not register."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]

    def forward(self, features: Tensor) -> Tensor:
        for layer in self.layers:
            features = layer(features)
        return features


class ModuleListNet(nn.Module):
    """The same layers in a ModuleList, which registers each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)])

    def forward(self, features: Tensor) -> Tensor:
        for layer in self.layers:
            features = layer(features)
        return features


def make_net() -> Net:
    """Returns the network with the same random weights each time."""
    torch.manual_seed(1)
    return Net()


def by_hand(net: Net, features: Tensor) -> list[Tensor]:
    """Returns the outputs of fc1, act1 and fc2, each computed from the registered parameters. features: (B, 2)."""
    state = net.state_dict()
    before = features @ state["fc1.weight"].T + state["fc1.bias"]  # (B, 3)
    hidden = before.clamp(min=0)  # (B, 3)
    return [before, hidden, hidden @ state["fc2.weight"].T + state["fc2.bias"]]  # …, (B, 1)


def count(model: nn.Module) -> int:
    """Returns the number of parameters that an optimizer receives."""
    return sum(parameter.numel() for parameter in model.parameters())


def draw() -> Figure:
    """Draws three examples after each layer of the network."""
    sheet = MatrixSheet("Net: three examples on their way through, a row each", width=15.6, height=6.8)
    before, hidden, outputs = by_hand(make_net(), FEATURES)
    layers = [
        (FEATURES, "features  (3, 2)"),
        (before, "fc1  (3, 3)"),
        (hidden, "act1  (3, 3)"),
        (outputs, "fc2  (3, 1)"),
    ]
    x = 0.5
    for values, title in layers:
        if x > 1:
            sheet.write("→", x=x - 0.85, y=3.75, size=16, align="center", vertical="center")
        sheet.grid(values, x=x, y=2.2, title=title)
        x += values.shape[1] + 1.7
    sheet.write("ReLU sets to 0 what was negative; the rest of each row passes unchanged.", x=0.5, y=6.1, size=9)
    return sheet.figure


def run(board: Blackboard) -> None:
    """Runs the network, lists its registered parameters, and shows the effect of unregistered layers."""
    net = make_net()

    board.step("A class with layers, and a forward that uses them")
    board.say("Net has fc1 (2 → 3), act1 (ReLU) and fc2 (3 → 1). Three examples give three numbers.")
    board.show(features=FEATURES, net=net(FEATURES))

    board.step("Layer by layer, by hand")
    before, hidden, outputs = by_hand(net, FEATURES)
    board.show(fc1=before, act1=hidden, fc2=outputs)
    board.trap("without super().__init__() in your own __init__, assigning the first layer raises an error.")
    board.right("call net(x), never net.forward(x): only net(x) runs the hooks, which many tools need.")

    board.step("Assigning to self registers")
    board.line(f"{'name':<12} {'shape':<10} numbers")
    for name, parameter in net.named_parameters():
        board.line(f"{name:<12} {tuple(parameter.shape)!s:<10} {parameter.numel()}")
    board.line(f"{'':<12} {'':<10} {count(net)} = (2·3 + 3) + (3·1 + 1)")
    board.say("act1 is registered too, but has no parameters. Registered means four things:")
    board.line("net.parameters()          gives them to the optimizer")
    board.line("net.state_dict()          saves and loads them")
    board.line("net.to(device)            moves them")
    board.line("net.train(), net.eval()   reach every layer")

    board.step("A plain list registers nothing")
    board.line("self.layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]")
    board.line(f"    parameters for the optimizer: {count(ListNet())}")
    board.trap("the network runs without an error, but never learns, is saved empty, and stays on the CPU.")
    board.line("self.layers = nn.ModuleList([nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)])")
    board.line(f"    parameters for the optimizer: {count(ModuleListNet())}")
    board.right("use nn.ModuleList, nn.ModuleDict or nn.Sequential for layers, and nn.Parameter for a tensor to learn.")

    board.graph(net, FEATURES)
    board.picture("module", draw())
    board.remember(
        "A network is an nn.Module: assign layers in __init__, and use them in forward.",
        "Assigning registers. Check net.named_parameters() before training: a tensor that is not listed never learns.",
    )
