"""A path means the same wherever it is given, and a printed command can be pasted."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cifar_cli.errors import UsageError
from cifar_cli.shell import expand_path, shell_command, without_passwords


@pytest.fixture(autouse=True)
def scratch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("SCRATCH", "/scratch/ada")
    monkeypatch.delenv("NOWHERE", raising=False)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("~/runs", "/home/ada/runs"),
        ("~", "/home/ada"),
        ("$SCRATCH/logs", "/scratch/ada/logs"),
        ("${SCRATCH}_2/logs", "/scratch/ada_2/logs"),
        ("a~b/$/c$", "a~b/$/c$"),
        ("my runs", "my runs"),
        (Path("logs"), "logs"),
    ],
)
def test_home_and_variables_are_expanded_and_nothing_else(typed: str | Path, meant: str) -> None:
    assert expand_path(typed) == Path(meant)


def test_a_variable_that_is_not_defined_is_refused_by_name() -> None:
    with pytest.raises(UsageError) as caught:
        expand_path("$NOWHERE/logs", place="log.dir")
    assert str(caught.value) == (
        "log.dir: $NOWHERE/logs: expected variables that are defined, found NOWHERE, which is not; "
        "define it (export NOWHERE=…), or write the path out"
    )


@pytest.mark.parametrize("typed", ["https://example.com/cat.jpg", Path("s3://bucket/logs"), "HTTP://x"])
def test_an_address_is_no_path(typed: str | Path) -> None:
    with pytest.raises(
        UsageError, match=r"^--from: \w+:/.*: expected a path on this machine, found an address; write a path"
    ):
        expand_path(typed, place="--from")


def test_a_user_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(UsageError) as caught:
        expand_path("~no-such-user/logs", place="--log-dir")
    assert str(caught.value) == (
        "--log-dir: ~no-such-user/logs: expected a user's folder, found no user no-such-user; write the path out"
    )


def test_a_file_whose_name_contains_these_characters_is_found(tmp_path: Path) -> None:
    for name in ("a$NOWHERE", "~no-such-user"):
        (tmp_path / name).touch()
        assert expand_path(name) == Path(name)


def test_a_command_is_read_back_by_a_shell_as_its_words() -> None:
    words = ["cifar", "eval", Path("my runs/it's $HOME [old] #1"), "log.dir=a b", "model.hidden=[3, 4]"]
    assert shlex.split(shell_command(*words)) == [str(word) for word in words]
    assert shell_command("cifar", "eval", Path("logs/mlp")) == "cifar eval logs/mlp"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    "name", ["a\x1b[31mb.jpg", "two\nlines 'quoted' back\\slash.jpg", "\x07af.jpg", "plain $x.jpg"]
)
def test_a_command_is_printable_and_bash_reads_the_same_words(name: str) -> None:
    command = shell_command("printf", "%s", name)
    assert command.isprintable()
    assert subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout.decode() == name


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("sqlite:////shared/a@b.db", "sqlite:////shared/a@b.db"),
        ("postgresql://me@host/a", "postgresql://me@host/a"),
        ("postgresql://me:s3cret@host:5432/a", "postgresql://me:***@host:5432/a"),
        ("postgresql://:s3cret@host/a", "postgresql://:***@host/a"),
        *((f"postgresql://me:s3{letter}cret@host/a", "postgresql://me:***@host/a") for letter in "/#?[@"),
        ("postgresql://host/a?user=me&password=s3cret&x=1", "postgresql://host/a?user=me&password=***&x=1"),
        ("mysql://host/a?passwd=s3cret", "mysql://host/a?passwd=***"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert without_passwords(address) == shown
