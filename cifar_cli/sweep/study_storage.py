"""Optuna's storage of a study: the journal in the sweep's folder, or a database."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import optuna
from optuna.exceptions import OptunaError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy.exc import SQLAlchemyError

from cifar_cli.errors import CifarError, RunError, describe_write_error
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.shell import without_passwords

TRIES = 3  # to open a database
SECONDS_BETWEEN_TRIES = 1.0

Opened = TypeVar("Opened")


def open_study(
    folder: SweepFolder, storage: str | None, *, name: str, sampler: BaseSampler, pruner: BasePruner
) -> optuna.Study:
    """Returns the study of that name, made if there is none yet. Raises CifarError."""
    with storage_errors(folder, storage):
        if storage is not None:
            return _try(lambda: _create(storage, name=name, sampler=sampler, pruner=pruner))
        return _open_journal(folder, name=name, sampler=sampler, pruner=pruner)


def check_database(url: str) -> None:
    """Raises CifarError unless the database can be opened and has, or can be given, Optuna's tables."""
    with _database_errors():
        _try(lambda: get_storage(url)).remove_session()


def _open_journal(folder: SweepFolder, *, name: str, sampler: BaseSampler, pruner: BasePruner) -> optuna.Study:
    file = folder.journal
    _drop_torn_line(file)
    try:
        journal = JournalStorage(JournalFileBackend(str(file), lock_obj=_SweepIsLocked(str(file))))
        return _create(journal, name=name, sampler=sampler, pruner=pruner)
    except OSError:
        raise
    except Exception as error:  # Optuna trusts each line: one that is changed ends in any error at all
        raise RunError(
            f"{file}: expected the journal of this sweep as Optuna wrote it, found another ({type(error).__name__}: "
            f"{error}); put it back from a copy, or search anew: what was trained stays in {folder.path}"
        ) from error


def _try(open_database: Callable[[], Opened]) -> Opened:
    for tries_left in range(TRIES, 0, -1):
        try:
            return open_database()
        except (SQLAlchemyError, OptunaError):
            # Two machines that make the tables of one database at the same moment hinder each other.
            if tries_left == 1:
                raise
            time.sleep(SECONDS_BETWEEN_TRIES)
    raise AssertionError("the last try returns or raises")


def _create(storage: BaseStorage | str, *, name: str, sampler: BaseSampler, pruner: BasePruner) -> optuna.Study:
    return optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True, sampler=sampler, pruner=pruner
    )


class _SweepIsLocked(JournalFileOpenLock):
    """Locks nothing: the sweep's folder is locked as a whole, and a killed process leaves no lock of that behind."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _drop_torn_line(journal: Path) -> None:
    """Cuts off a last line that a full disk or a power failure has left without its end, which Optuna cannot read."""
    if not journal.is_file():
        return
    content = journal.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with journal.open("r+b") as file:
            file.truncate(whole)


@contextlib.contextmanager
def storage_errors(folder: SweepFolder, url: str | None) -> Iterator[None]:
    """Turns the errors of a study that cannot be read or written into those that a person can mend."""
    with contextlib.nullcontext() if url is None else _database_errors():
        try:
            yield
        except OSError as error:
            if url is not None:
                raise
            raise RunError(f"{folder.journal}: could not be written: {describe_write_error(error)}") from error


@contextlib.contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except CifarError:
        raise
    except ImportError as error:  # Optuna's, whose cause names the module
        raise CifarError(
            f"--storage: expected an address whose driver is installed, found: {error.__cause__ or error}; for "
            f"PostgreSQL: pip install 'psycopg[binary]', and write --storage postgresql+psycopg://…"
        ) from error
    except Exception as error:  # SQLAlchemy, its drivers and Optuna each have errors of their own
        reason = (str(error).strip() or type(error).__name__).partition("\n")[0]
        reason = without_passwords(reason)
        raise CifarError(
            f"--storage: expected a database that can be opened and written, found: {reason}; write for example "
            f"--storage sqlite:////shared/sweep.db, or a server's postgresql+psycopg://…"
        ) from error
