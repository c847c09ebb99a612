"""What is removed from a text before it is printed, and what stays."""

from pathlib import Path

import pytest

from cifar_cli.diagnosis.privacy import redact


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/maria")
    monkeypatch.setenv("USER", "maria")
    for name in ("LOGNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/maria/logs: full", "~/logs: full"),
        ("in /home/maria, and /home/maria", "in ~, and ~"),
        ("/home/maria2/logs", "/home/maria2/logs"),
        ("/scratch/maria/data", "/scratch/USER/data"),
        ("/scratch/marianne/data", "/scratch/marianne/data"),
        ("a model of maria", "a model of maria"),  # not a path: such words are not ours
        ("https://maria:secret@example.org/a", "https://example.org/a"),
        ("https://token@example.org:8080/a", "https://example.org:8080/a"),
        ("https://example.org/a?Signature=secret&x=1, next", "https://example.org/a?…, next"),
        ("nothing to hide: a@b, why?", "nothing to hide: a@b, why?"),
    ],
)
def test_home_user_and_secrets_of_addresses_are_removed(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize("home", ["/", ""])
def test_without_a_home_folder_paths_stay(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    assert redact("/srv/data/x") == "/srv/data/x"


def test_a_home_that_is_a_link_is_found_under_both_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("HOME", str(tmp_path / "link"))
    assert redact(f"{tmp_path}/link/a {tmp_path}/real/b") == "~/a ~/b"
