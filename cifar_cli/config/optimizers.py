"""The keys of the optimisers, and of the groups of parameters that one may hand to another.

Descriptions and examples are used as in the schema.
"""

from typing import Annotated, Literal

from pydantic import Field

from cifar_cli.section import BelowOne, NonNegativeFloat, PositiveFloat, PositiveInt, Section


class OptimizerKeys(Section):
    """What every optimiser has."""

    lr: PositiveFloat = Field(0.01, description="a number above 0", examples=[0.01])
    weight_decay: NonNegativeFloat = Field(0.0, description="a number, 0 or more", examples=[5.0e-4])
    # Decaying biases and norm layers gains nothing and costs accuracy: "Bag of Tricks", He et al. 2019, section 3.1.
    decay_norm_and_bias: bool = Field(False, description="true or false", examples=[False])


class SgdKeys(OptimizerKeys):
    """What SGD has."""

    name: Literal["sgd"] = "sgd"
    momentum: BelowOne = Field(0.0, description="a number from 0 to below 1", examples=[0.9])
    nesterov: bool = Field(False, description="true or false", examples=[False])


class BothAdamKeys(OptimizerKeys):
    """What Adam and AdamW share."""

    lr: PositiveFloat = Field(1e-3, description="a number above 0", examples=[0.001])
    betas: tuple[BelowOne, BelowOne] = Field(
        (0.9, 0.999), description="a list of two numbers from 0 to below 1", examples=[[0.9, 0.999]]
    )
    eps: PositiveFloat = Field(1e-8, description="a number above 0", examples=[1e-8])


class AdamKeys(BothAdamKeys):
    """What Adam has."""

    name: Literal["adam"] = "adam"


class AdamWKeys(BothAdamKeys):
    """What AdamW has."""

    name: Literal["adamw"] = "adamw"
    weight_decay: NonNegativeFloat = Field(0.01, description="a number, 0 or more", examples=[0.01])


class MuonKeys(OptimizerKeys):
    """What Muon has. The defaults are those of airbench94's Muon recipe, which is for CIFAR-10."""

    name: Literal["muon"] = "muon"
    lr: PositiveFloat = Field(0.24, description="a number above 0", examples=[0.24])
    momentum: BelowOne = Field(0.6, description="a number from 0 to below 1", examples=[0.6])
    nesterov: bool = Field(True, description="true or false", examples=[True])
    newton_schulz_steps: PositiveInt = Field(3, le=20, description="a whole number from 1 to 20", examples=[3])
    normalize_weights: bool = Field(True, description="true or false", examples=[True])


# --- groups --------------------------------------------------------------------------------------------------------


class ParameterGroup(Section):
    """Which parameters: those that one of the patterns names and no group before has taken."""

    parameters: tuple[str, ...] = Field(
        min_length=1, description="a list of parameter names, in which * stands for anything", examples=[["*.bias"]]
    )
    epochs: PositiveFloat | None = Field(
        None, description="a number of epochs above 0, or null for all of the training", examples=[3]
    )


class SgdGroup(SgdKeys, ParameterGroup):
    """Some of the parameters, by SGD."""


class AdamGroup(AdamKeys, ParameterGroup):
    """Some of the parameters, by Adam."""


class AdamWGroup(AdamWKeys, ParameterGroup):
    """Some of the parameters, by AdamW."""


class MuonGroup(MuonKeys, ParameterGroup):
    """Some of the parameters, by Muon."""


Group = SgdGroup | AdamGroup | AdamWGroup | MuonGroup


class OptimizerSection(Section):
    """What stands beside an optimiser's own keys: the parameters that are not its own, or not treated like the rest."""

    groups: tuple[Annotated[Group, Field(discriminator="name")], ...] = Field(
        (),
        description="a list of groups, each with its parameters",
        examples=[[{"name": "sgd", "parameters": ["*.bias"], "lr": 0.1}]],
    )


class Sgd(OptimizerSection, SgdKeys):
    """torch.optim.SGD."""


class Adam(OptimizerSection, AdamKeys):
    """torch.optim.Adam."""


class AdamW(OptimizerSection, AdamWKeys):
    """torch.optim.AdamW."""


class Muon(OptimizerSection, MuonKeys):
    """Momentum whose every step is orthogonalised, for filter banks and matrices."""


Optimizer = Sgd | Adam | AdamW | Muon


def with_shared_settings(optimizer: Optimizer) -> Optimizer:
    """Returns the section with its own settings in every group of the same optimiser that says nothing else."""
    own = {key: value for key, value in optimizer if key != "groups"}
    groups = tuple(
        group.model_copy(update={key: value for key, value in own.items() if key not in group.model_fields_set})
        if group.name == optimizer.name
        else group
        for group in optimizer.groups
    )
    return optimizer.model_copy(update={"groups": groups})
