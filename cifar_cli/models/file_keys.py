"""The keys of a network from a person's own file."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, ClassVar, Literal

from pydantic import Field

from cifar_cli.models.model_keys import ModelKeys


class FileKeys(ModelKeys):
    """A network of your own, from a Python file. The keys say which file it was; they do not run it: the command line
    has to name the file, by `--model FILE.py:NAME`, or to trust the run folder's copy, by `--trust-model`.
    """

    target: ClassVar[str] = "cifar_cli.models.own.build_own:build_own_model"
    example: ClassVar[Mapping[str, Any]] = {"file": "my_net.py", "attribute": "Net", "sha256": "0" * 64}
    takes_any_size: ClassVar[bool] = True  # nothing is known: `preflight` tries the sizes
    is_own: ClassVar[bool] = True

    name: Literal["file"] = "file"
    file: str = Field(
        title="the file, as `--model` named it; the run folder keeps a copy, `model.py`",
        min_length=1,
        description="the path of a Python file, as the option --model FILE.py:NAME writes it",
        examples=["my_net.py"],
    )
    attribute: str = Field(
        title="the class or function in the file that gives the network",
        pattern=r"^[^\W\d]\w*$",
        description="the name of a class or function, as the option --model FILE.py:NAME writes it",
        examples=["Net"],
    )
    sha256: str = Field(
        title="the checksum of the file",
        pattern=r"^[0-9a-f]{64}$",
        description="the checksum of the file, as the option --model FILE.py:NAME writes it",
        examples=["0" * 64],
    )

    @property
    def label(self) -> str:
        return f"{PurePath(self.file).name}:{self.attribute}"

    @property
    def word(self) -> str:
        """The network as --model names it."""
        return f"{self.file}:{self.attribute}"
