"""The address of a study's database, whose password is written nowhere."""

from urllib.parse import urlsplit

from cifar_cli.errors import UsageError
from cifar_cli.runs.sweep_folder import SweepFolder

MASK = "***"


def without_password(url: str | None) -> str | None:
    """Returns the address with *** in the place of its password; None for None."""
    password = urlsplit(url).password if url else None
    return url.replace(f":{password}@", f":{MASK}@") if url and password else url


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
