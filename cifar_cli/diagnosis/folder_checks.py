"""Checks of the folders of runs and of datasets: rights, disk space, and whether files can be locked there."""

import os
import shutil
import tempfile
from pathlib import Path

from cifar_cli import formatting
from cifar_cli.diagnosis.finding import Finding, Situation, Status
from cifar_cli.file_lock import file_lock, is_held

LITTLE_SPACE_BYTES = 2**30  # a run of a speedrun with its pictures, or an archive with its unpacked images


def check_log_dir(situation: Situation) -> Finding:
    """Returns whether runs can be written, and how much room there is."""
    return _check_folder(situation.log_dir, mend="mend the folder's rights, or name another with log.dir=FOLDER")


def check_data_folder(situation: Situation) -> Finding:
    """Returns the folder of the datasets, why that one, and whether a download could be written there."""
    from cifar_cli.data.data_root import data_root, data_root_reason

    folder = data_root(situation.root)
    # Images that are there can be read from a folder that cannot be written.
    if_not: Status = "warning" if folder.is_dir() and any(folder.iterdir()) else "problem"
    mend = "images cannot be downloaded: mend the folder's rights, or name another with data.root=FOLDER"
    return _check_folder(folder, mend=mend, reason=f" ({data_root_reason(situation.root)})", if_not=if_not)


def check_temporary_folder(situation: Situation) -> Finding:
    """Returns where temporary files go: torch cannot be used without such a folder."""
    try:
        return Finding("ok", tempfile.gettempdir())
    except FileNotFoundError:
        places = "$TMPDIR, /tmp, /var/tmp, the working directory"
        return Finding("problem", f"expected a folder to write to, found none among {places}", "TMPDIR=FOLDER")


def check_log_lock(situation: Situation) -> Finding:
    """Returns whether a second process would be kept from a run that is being trained."""
    return _check_lock(situation.log_dir, mend="name a folder on a local disk with log.dir=FOLDER")


def check_data_lock(situation: Situation) -> Finding:
    """Returns whether two processes would download one after the other."""
    from cifar_cli.data.data_root import data_root

    mend = "name a folder on a local disk with data.root=FOLDER"
    return _check_lock(data_root(situation.root), mend=mend)


def _expanded(folder: Path) -> Path:
    return Path(os.path.expanduser(folder)).absolute()  # a folder may really be called ~name


def _check_folder(folder: Path, *, mend: str, reason: str = "", if_not: Status = "problem") -> Finding:
    """Writes a file into the folder and removes it: rights alone do not tell of a full or a read-only disk."""
    folder = _expanded(folder)
    existing = _nearest_existing(folder)
    free = shutil.disk_usage(existing).free
    values = {"folder": str(folder), "exists": existing == folder, "is_writable": True, "free_bytes": free}
    place = f"{folder}{reason}"
    if error := _writing_error(existing):
        where = "" if existing == folder else f"; the nearest folder is {existing}"
        text = f"{place}: expected a folder to write to, found: {error}{where}"
        return Finding(if_not, text, mend, values | {"is_writable": False})
    room = f"{formatting.binary_bytes(free)} free"
    if free < LITTLE_SPACE_BYTES:
        return Finding("warning", f"{place}: only {room}", "free some space", values)
    return Finding(
        "ok", f"{place}: {'' if existing == folder else 'not there yet, can be made; '}{room}", values=values
    )


def _nearest_existing(folder: Path) -> Path:
    """Returns the folder, or the nearest one above it where it would be made. A file in its place counts as there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _writing_error(folder: Path) -> str | None:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".cifar-doctor-") as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _check_lock(folder: Path, *, mend: str) -> Finding:
    existing = _nearest_existing(_expanded(folder))
    if _writing_error(existing):
        return Finding("note", "not examined: the folder cannot be written")
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(dir=existing, prefix=".cifar-doctor-") as scratch:
        path = Path(scratch) / ".lock"
        with file_lock(path, without_locks=reasons.append):
            is_kept_out = is_held(path)
    if reasons:
        return Finding("warning", f"{existing}: no file can be locked: {reasons[0]}", mend, {"work": False})
    if is_kept_out:
        return Finding("ok", "work", values={"work": True})
    text = f"{existing}: two processes got the same lock, so that both could write the same files"
    return Finding("warning", text, mend, {"work": False})
