"""The address of a database: its password is kept nowhere, and asked for again."""

from pathlib import Path

import pytest

from cifar_cli.errors import UsageError
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.sweep.storage_address import storage_of

FOLDER = SweepFolder(Path("logs/x"))


def test_a_resumed_sweep_takes_its_own_database_unless_another_address_is_given() -> None:
    assert storage_of(FOLDER, None, None) is None
    assert storage_of(FOLDER, "sqlite:///a.db", None) == "sqlite:///a.db"
    assert storage_of(FOLDER, "sqlite:///a.db", "sqlite:////mnt/a.db") == "sqlite:////mnt/a.db"
    assert storage_of(FOLDER, "p://me:***@h/a", "p://me:s3cret@h/a") == "p://me:s3cret@h/a"


def test_a_password_is_asked_for_again_and_a_journal_takes_no_database() -> None:
    with pytest.raises(UsageError, match="expected --storage, as the address holds a password, which is not kept"):
        storage_of(FOLDER, "p://me:***@h/a", None)
    with pytest.raises(UsageError, match="expected no --storage, as this sweep has its journal; leave --storage out"):
        storage_of(FOLDER, None, "sqlite:///a.db")
