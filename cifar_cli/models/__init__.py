"""Networks, and the table that names them. Knows nothing of data, configurations or training."""

from cifar_cli.models.table import MODELS, build_model

__all__ = ["MODELS", "build_model"]
