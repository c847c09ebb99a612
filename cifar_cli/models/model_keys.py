"""What the keys of all networks have in common, and facts of a network that the checks need. Imports no torch."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cifar_cli.models.layer import Layer
from cifar_cli.section import Entry, PositiveInt

Blocks = Annotated[
    tuple[PositiveInt, ...],
    Field(
        title="the blocks in each stage",
        min_length=1,
        max_length=7,
        description="the blocks in each of one to seven stages, each a whole number, at least 1",
        examples=[[2, 2, 2, 2]],
    ),
]


class ModelKeys(Entry):
    """The keys of every network, and facts for the checks."""

    paper: ClassVar[str] = ""
    """Where the network was published."""
    takes_any_size: ClassVar[bool] = False
    """Whether images of other sizes than the dataset's can be trained on."""
    lists_layers: ClassVar[bool] = False
    """Whether the configuration lists the layers, under the key `layers`."""
    is_own: ClassVar[bool] = False
    """Whether the network is a person's own code, of which nothing is known before it runs."""

    @property
    def label(self) -> str:
        """The network's name where a person reads it."""
        return self.name

    @property
    def least_side(self) -> int:
        """The smallest image side, in pixels, of which a pixel is left after all poolings."""
        return 1

    @property
    def listed_layers(self) -> Sequence[Layer] | None:
        """The layers that the configuration lists; None where only the built network knows them."""
        return None

    def side_issue(self, side: int) -> tuple[str, str, str] | None:
        """Returns the key, the finding and the mend if the network cannot take images of that side, else None."""
        if side >= self.least_side:
            return None
        finding = (
            f"expected a model for images of {side}×{side} pixels, found {self.name}, which needs {self.least_side}"
        )
        return "name", finding, "write model: {name: cnn}"
