"""The table of lessons, in the order of learning. Imports no lesson, so that a list needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """title: the subject in one line; module: the program, whose function `run` takes a Blackboard."""

    title: str
    module: str


LESSONS = {
    "linear": Lesson("A fully connected layer is y = Wx + b, by hand", "cifar_cli.lessons.linear"),
    "convolution": Lesson("A kernel slides: stride, padding, the size of the output", "cifar_cli.lessons.convolution"),
    "pooling": Lesson("The largest number of each window, and what ceil_mode adds", "cifar_cli.lessons.pooling"),
    "activations": Lesson("Fourteen activations, their formulas and gradients", "cifar_cli.lessons.activations"),
    "module": Lesson("A network of one's own: what registering a layer does", "cifar_cli.lessons.module"),
    "flatten": Lesson("Images into rows, and how a batch is lost on the way", "cifar_cli.lessons.flatten"),
    "loss": Lesson("L1, MSE and cross-entropy, and what an extra softmax costs", "cifar_cli.lessons.loss"),
    "optimizer": Lesson("One step of SGD by hand, and why zero_grad", "cifar_cli.lessons.optimizer"),
    "linear-regression": Lesson(
        "A straight line fitted in three ways, and their traps", "cifar_cli.lessons.linear_regression"
    ),
    "mlp": Lesson("A multilayer perceptron from scratch, and with torch's layers", "cifar_cli.lessons.perceptron"),
}
