"""`cifar config`: the output of list, show, copy and validate."""

from pathlib import Path

import pytest

from cifar_cli.commands.config import copy, list_configs, show, validate
from cifar_cli.config import load, load_text
from cifar_cli.config.config_files import builtin_folder, builtins
from cifar_cli.errors import ConfigError, UsageError

Capture = pytest.CaptureFixture[str]


def test_list_has_a_line_with_a_first_sentence_for_every_built_in(capsys: Capture) -> None:
    list_configs()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(builtins())
    words = [" ".join(line.split()) for line in lines]
    assert "layers/relu One ReLU, to look at: max(0, x) for every number." in words
    assert len({line.index(line.split(maxsplit=1)[1]) for line in lines}) == 1  # a column of sentences


@pytest.mark.parametrize("name", builtins())
def test_what_show_prints_is_the_same_configuration_with_the_files_head(name: str, capsys: Capture) -> None:
    show(name)
    printed = capsys.readouterr().out
    assert load_text(printed, location="x.yaml") == load(name)
    assert printed.splitlines()[0] == builtins()[name].read_text().splitlines()[0]


def test_show_keeps_the_comments_of_a_file_that_ends_with_a_text_of_several_lines(
    tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("model: {name: mlp}  # small\nlog:\n  dir: >-\n    runs\n")
    show(str(path))
    printed = capsys.readouterr().out
    assert load_text(printed, location="x.yaml").log.dir == "runs"
    assert "# small" in printed


def test_show_with_overrides_names_them_in_the_head(capsys: Capture) -> None:
    show("tutorial", ["seed=3", "optimizer.lr=1e-3"])
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].endswith("tutorial.yaml with seed=3 optimizer.lr=1e-3")
    assert load_text(printed, location="x.yaml") == load("tutorial", ["seed=3", "optimizer.lr=1e-3"])


@pytest.mark.parametrize("name", builtins())
def test_a_copy_has_a_name_and_a_head_of_its_own_and_the_originals_settings(name: str, tmp_path: Path) -> None:
    copy(name, tmp_path / "mine.yaml")
    text = (tmp_path / "mine.yaml").read_text()
    assert load(tmp_path / "mine.yaml") == load(name, ["name=mine"])
    original = f"# A copy of the configuration {name}, to be changed. "
    is_layer = name.startswith("layers/")
    page = "Pictures of layers: cifar docs learning" if is_layer else "What the original reaches: cifar docs results"
    assert text.splitlines()[0] == f"{original}{page}"
    assert "Measured" not in text
    lines = (builtin_folder() / f"{name}.yaml").read_text().splitlines()
    assert [line for line in lines if not line.startswith(("#", "name: ")) and line not in text.splitlines()] == []


def test_a_copy_whose_file_has_no_name_for_a_run_keeps_the_originals(tmp_path: Path) -> None:
    copy("mlp", tmp_path / "my net.yaml")
    assert load(tmp_path / "my net.yaml").name == "mlp"


def test_a_file_of_ones_own_is_copied_as_it_stands(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes("# Mine, measured: 99 %\nname: own\nmodel: {name: mlp}  # ü\n".encode())
    copy(str(own), tmp_path / "other.yaml")
    assert (tmp_path / "other.yaml").read_bytes() == own.read_bytes()


def test_copy_names_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    copy("layers/conv1")
    printed = capsys.readouterr()
    assert printed.out == "wrote conv1.yaml\n"
    assert printed.err == "next: cifar train --config conv1.yaml\n"


def test_a_copy_of_a_file_with_mistakes_leads_to_validate(tmp_path: Path, capsys: Capture) -> None:
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text("model: {name: mlq}\n")
    copy(str(faulty), tmp_path / "mine.yaml")
    assert (tmp_path / "mine.yaml").read_text() == faulty.read_text()
    assert capsys.readouterr().err == f"next: cifar config validate {tmp_path / 'mine.yaml'}\n"


def test_copy_takes_a_file_or_a_folder(tmp_path: Path) -> None:
    copy("mlp", tmp_path)
    copy("mlp", tmp_path / "mine.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.yaml", "mlp.yaml"]


def test_copy_overwrites_no_file_and_makes_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    with pytest.raises(UsageError) as caught:
        copy("mlp", path)
    assert str(caught.value) == f"{path}: expected a new file, found an existing one; name another file"
    assert path.read_text() == "precious"
    with pytest.raises(UsageError) as caught:
        copy("mlp", tmp_path / "a" / "b.yaml")
    assert (
        str(caught.value)
        == f"{tmp_path / 'a' / 'b.yaml'}: expected a folder {tmp_path / 'a'}, found none; make it first"
    )
    assert not (tmp_path / "a").exists()
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        copy("mlp", path / "b.yaml")


def test_validate_reports_the_valid_files_and_every_mistake_in_the_others(tmp_path: Path, capsys: Capture) -> None:
    good, bad, missing = (tmp_path / name for name in ("good.yaml", "bad.yaml", "missing.yaml"))
    good.write_text("model: {name: mlp}\n")
    bad.write_text("model: {name: mlp}\nseed: x\nsed: 1\n")
    with pytest.raises(ConfigError) as caught:
        validate([str(path) for path in (bad, missing, good)])
    assert capsys.readouterr().out == f"ok: {good}\n"
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        f"{bad}:2:7",
        f"{bad}:3:1",
        str(missing),
    ]
    assert caught.value.exit_code == 2


def test_validate_checks_overrides_and_warns(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("model: {layers: [flatten: Flatten, fc: {type: Linear, out_features: 10}, last: LogSoftmax]}\n")
    validate([str(path), "seed=3"])
    assert capsys.readouterr().err.startswith(f"warning: {path}: model.layers.last: the loss cross_entropy takes")
    with pytest.raises(ConfigError, match="command line: seed: expected a whole number"):
        validate([str(path), "seed=x"])
