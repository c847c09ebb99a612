"""Which database a resumed sweep goes on with: a password is written nowhere, so that it is asked for again."""

from cifar_cli.errors import UsageError
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.shell import MASK


def storage_of(folder: SweepFolder, kept: str | None, given: str | None) -> str | None:
    """Returns the address of a resumed sweep's database, None for a sweep with a journal.

    kept: the address without its password, as the sweep's settings have it; given: that of the command line. Raises
    UsageError.
    """
    if kept is None:
        if given is not None:
            raise UsageError(
                f"{folder.path}: expected no --storage, as this sweep has its journal; leave --storage out"
            )
        return None
    if given is None and MASK in kept:
        raise UsageError(
            f"{folder.path}: expected --storage, as the address holds a password, which is not kept; "
            f"write --storage {kept} with the password"
        )
    return given or kept
