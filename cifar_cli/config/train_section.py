"""The section `train` of an experiment: how long, where, and in which precision."""

from typing import Literal

from pydantic import Field

from cifar_cli.section import Flag, NonNegativeFloat, PositiveFloat, PositiveInt, Section


class TrainKeys(Section):
    """How long, where, and in which precision."""

    epochs: PositiveInt = Field(10, title="passes over the training images", examples=[10])
    patience: PositiveInt | None = Field(
        None,
        title="epochs without a better validation accuracy after which training ends early; null: never",
        description="a whole number of epochs, at least 1, or null for all epochs",
        examples=[10],
    )
    micro_batch_size: PositiveInt | None = Field(
        None,
        title="images of a batch that are computed at a time, to fit the memory; their gradients are accumulated",
        description="a whole number of images, at least 1, or null for the whole batch",
        examples=[64],
    )
    device: str = Field(
        "auto",
        title="where to compute; auto: cuda, else mps, else cpu",
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$",
        description="one of auto, cpu, cuda, cuda:N, mps",
        examples=["auto", "cpu", "cuda", "mps"],
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        title="the precision of matrix products and convolutions; auto: bf16 (or fp16) on a CUDA GPU that has it, bf16 "
        "on a CPU with AMX and on AMD's with AVX512-bf16 (Zen 4 and later), else fp32",
    )
    compile: Flag = Field(False, title="true: compile the model by torch.compile", examples=[False])
    cuda_graphs: Literal["auto", False] = Field(
        "auto",
        title="auto: on an NVIDIA GPU, capture each kind of step and replay it by one call",
        description="auto or false",
        examples=["auto"],
    )
    fast_convolutions: Literal["auto", False] = Field(
        False,
        title="auto: on a CPU, compute 3×3 convolutions in a faster way where one is known; for cores that nothing "
        "else keeps busy",
        description="auto or false",
        examples=["auto"],
    )
    native_kernels: Literal["auto", False] = Field(
        "auto",
        title="auto: on a CPU, compute BatchNorm, GELU and 2×2 max pooling by compiled C, where a C compiler is found",
        description="auto or false",
        examples=["auto"],
    )
    deterministic: Flag = Field(False, title="true: only algorithms that give the same bits each time")
    checkpoint_seconds: NonNegativeFloat = Field(
        60.0,
        title="the time between two checkpoints in long epochs",
        description="a number of seconds, or 0 for at the end of epochs only",
        examples=[60],
    )
    freeze: tuple[str, ...] = Field(
        (),
        title="the names of parameters that keep their initial values",
        description="a list of parameter names, in which * stands for anything",
        examples=[["conv1.*"]],
    )
    clip_grad_norm: PositiveFloat | None = Field(
        None,
        title="the largest norm of all gradients together; larger ones are scaled down",
        description="a number above 0, or null for none",
        examples=[1.0],
    )

    def computes_parts_of(self, batch_size: int) -> bool:
        """Whether a batch of that size is computed in parts."""
        return self.micro_batch_size is not None and self.micro_batch_size < batch_size
