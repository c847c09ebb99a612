"""The file that a word means, and the errors for missing and unreadable files."""

import os
from pathlib import Path

import pytest

from cifar_cli.config.config_files import builtin_folder, builtins, find_config_file, is_stream, read_config_file
from cifar_cli.errors import UsageError


def refusal(source: str | Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_config_file(source)
    return str(caught.value)


def test_the_built_ins_are_the_files_of_the_repositorys_folder() -> None:
    folder = Path(__file__).parents[2] / "configs"
    if builtin_folder() != folder:
        pytest.skip("the package is not run from the repository")
    assert set(builtins().values()) == set(folder.rglob("*.yaml"))
    assert builtins()["layers/conv1"] == folder / "layers" / "conv1.yaml"


def test_a_name_means_the_built_in_and_an_ending_means_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("sequential", "sequential.yaml", "mine"):
        (tmp_path / name).write_text("seed: 1\n")
    assert find_config_file("sequential") == builtin_folder() / "sequential.yaml"
    assert read_config_file("sequential.yaml").text == "seed: 1\n"
    assert read_config_file(Path("sequential")).text == "seed: 1\n"
    assert read_config_file("mine").stem == "mine"


def test_a_file_below_the_current_folder_is_named_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.yaml").write_text("seed: 1\n")
    assert read_config_file(tmp_path / "a" / "x.yaml").location == str(tmp_path / "a" / "x.yaml")
    monkeypatch.chdir(tmp_path)
    assert read_config_file(tmp_path / "a" / "x.yaml").location == "a/x.yaml"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfseed: 1\n")
    assert read_config_file(tmp_path / "x.yaml").text == "seed: 1\n"


@pytest.mark.parametrize("word", ["sequental", "Sequential"])
def test_a_file_that_is_not_there_gets_the_list_and_the_nearest_name(word: str) -> None:
    words = refusal(word)
    assert words.startswith(f"{word}: no such file, and no built-in configuration; the built-ins are cnn, ")
    assert words.endswith("; did you mean 'sequential'?")


def test_the_name_of_a_network_gets_the_words_that_train_it() -> None:
    found = "expected a configuration, found the name of a network; write for example --config cnn"
    assert refusal("resnet32") == f"resnet32: {found} 'model={{name: resnet32}}'"
    assert refusal("resnet18") == f"resnet18: {found} 'model={{name: resnet18}}', or its recipe --config gpu/resnet18"


def test_a_path_that_is_not_there_gets_the_nearest_name_alone() -> None:
    hint = "; cifar config list shows the built-in configurations"
    assert (
        refusal("configs/sequental.yaml") == f"configs/sequental.yaml: no such file; did you mean 'sequential'?{hint}"
    )
    assert refusal("mine/zzz.yaml") == f"mine/zzz.yaml: no such file{hint}"


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: expected a YAML file, found a folder; name a file in it"
    (tmp_path / "config.yaml").touch()
    mend = f"a run's configuration is {tmp_path / 'config.yaml'}"
    assert refusal(tmp_path) == f"{tmp_path}: expected a YAML file, found a folder; {mend}"


def test_bytes_that_are_not_utf8_are_reported_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"seed: 1\nname: caf\xe9\n")
    assert refusal(path) == f"{path}:2: expected UTF-8 text, found the byte 0xe9; save the file as UTF-8"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"#" * (2**20 + 1))
    assert refusal(path) == f"{path}: expected a configuration of at most 1 MiB, found a larger file"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.symlink_to(path)
    assert refusal(path) == f"{path}: cannot be read: Too many levels of symbolic links"
    assert refusal("a\0b.yaml") == "a\0b.yaml: cannot be read: embedded null byte"


def test_standard_input_and_pipes_are_streams(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "file.yaml").touch()
    assert all(map(is_stream, ["-", "/dev/stdin", "/dev/fd/63", str(tmp_path / "pipe.yaml")]))
    assert not any(map(is_stream, ["mlp", str(tmp_path / "file.yaml"), str(tmp_path / "none"), "x" * 5000, "\0"]))
