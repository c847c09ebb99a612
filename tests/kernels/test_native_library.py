"""native.c compiled at first use: one file for source, compiler and processor, which the user alone can write."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cifar_cli.kernels import native_library as module
from cifar_cli.kernels.native_library import SOURCE, NativeLibrary, native_library

HAS_COMPILER = native_library().library is not None
pytestmark = pytest.mark.skipif(not HAS_COMPILER, reason=native_library().words)

SMALL = "int answer(void) { return 42; }\n"


@pytest.fixture(autouse=True)
def small_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A source that compiles at once, and an empty cache in the test's own folder."""
    source = tmp_path / "small.c"
    source.write_text(SMALL)
    monkeypatch.setattr(module, "SOURCE", source)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    native_library.cache_clear()
    yield source
    monkeypatch.undo()
    native_library.cache_clear()


def opened_anew() -> NativeLibrary:
    native_library.cache_clear()
    return native_library()


def compiled(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "cifar").iterdir())


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were compiled."""
    files: list[Path] = []
    original: Callable[..., object] = module._compile

    def noted(compiler: list[str], path: Path) -> object:
        files.append(path)
        return original(compiler, path)

    monkeypatch.setattr(module, "_compile", noted)
    return files


def test_the_source_has_at_most_two_hundred_lines() -> None:
    assert len(SOURCE.read_text().splitlines()) <= 200


def test_it_is_compiled_once_and_only_the_user_can_read_or_write_it(tmp_path: Path, compilations: list[Path]) -> None:
    os.umask(before := os.umask(0))  # read only
    os.umask(0)  # what others may do is not left to the user's mask
    try:
        first, second = opened_anew(), opened_anew()
    finally:
        os.umask(before)
    assert first.library is not None
    assert second.library is not None
    assert first.library.answer() == second.library.answer() == 42
    assert first.words.startswith("compiled by ")
    (file,) = compiled(tmp_path)
    assert compilations == [file]
    assert stat.S_IMODE(file.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("changed", ["source", "processor", "compiler's options"])
def test_another_source_compiler_or_processor_has_a_file_of_its_own(
    changed: str, small_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_anew()
    if changed == "source":
        small_source.write_text(SMALL.replace("42", "43"))
    elif changed == "processor":
        monkeypatch.setattr(module, "_processor", lambda: "another")
    else:
        monkeypatch.setenv("CC", "cc -DX=1")
    library = opened_anew().library
    assert library is not None
    assert library.answer() == (43 if changed == "source" else 42)
    assert len(compiled(tmp_path)) == 2


@pytest.mark.parametrize(
    ("flags", "are_wide"), [("fpu avx2 avx512f avx512bw", True), ("fpu avx2", False), ("", False)], ids=str
)
def test_vectors_are_as_wide_as_the_processors(flags: str, are_wide: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_processor", lambda: f"model: 1\nflags\t\t: {flags}")
    assert (module.WIDE_VECTORS in module._flags()) is are_wide


def test_a_damaged_file_is_compiled_anew(tmp_path: Path, compilations: list[Path]) -> None:
    (tmp_path / "cache" / "cifar").mkdir(parents=True, mode=0o700)
    path = module._cache_folder() / f"native-{module._key(*found_compiler())}.so"
    path.write_bytes(b"\x7fELF, but not to the end")
    path.chmod(0o700)
    library = opened_anew().library
    assert library is not None
    assert library.answer() == 42
    assert compilations == [path]


def found_compiler() -> tuple[list[str], str]:
    compiler = module._find_compiler()
    return compiler, module._output([*compiler, "--version"]).partition("\n")[0]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_or_a_file_that_others_can_write_is_not_used(mode: int, tmp_path: Path) -> None:
    opened_anew()
    (file,) = compiled(tmp_path)
    for path in (file, file.parent):
        path.chmod(mode)
        refused = opened_anew()
        path.chmod(0o700)
        assert refused.library is None
        assert refused.words == f"{path} is not yours alone to write; remove it, or run: chmod go-w {path}"


def test_a_link_is_not_used(tmp_path: Path) -> None:
    opened_anew()
    (file,) = compiled(tmp_path)
    file.rename(tmp_path / "elsewhere.so")
    file.symlink_to(tmp_path / "elsewhere.so")
    assert opened_anew().library is None


def test_a_file_of_another_user_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opened_anew().library is not None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert "is not yours alone to write" in opened_anew().words


def test_a_quote_that_is_not_closed_in_the_compilers_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "cc '-O2")
    words = "no C compiler: $CC is cc '-O2, in which there is no closing quotation"
    assert opened_anew() == NativeLibrary(None, words)


def test_a_user_without_a_home_is_told_how_to_name_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a number that no user has, without $HOME
    words = "no cache folder: the user has no home; name a folder in XDG_CACHE_HOME"
    assert opened_anew() == NativeLibrary(None, words)


def test_without_a_compiler_the_words_say_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert opened_anew() == NativeLibrary(None, "no C compiler: cc, gcc, clang not found")
    monkeypatch.setenv("CC", "tcc -g")
    assert opened_anew() == NativeLibrary(None, "no C compiler: $CC is tcc -g, not found")


def test_a_compiler_that_fails_is_quoted(small_source: Path, tmp_path: Path) -> None:
    small_source.write_text("int answer(void) { return x; }\n")
    found = opened_anew()
    assert found.library is None
    assert " failed: " in found.words
    assert "error: 'x' undeclared" in found.words.replace("‘", "'").replace("’", "'")
    assert compiled(tmp_path) == []  # nothing is left behind


def test_where_the_cache_cannot_be_made_the_words_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    found = opened_anew()
    assert found.library is None
    assert found.words.startswith(f"{tmp_path / 'file'}")


def test_another_platform_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert opened_anew() == NativeLibrary(None, "only on 64-bit Linux")


def test_many_processes_that_start_at_once_all_get_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cifar_cli.kernels import native_library as module; "
        "module.SOURCE = Path(sys.argv[1]); print(module.native_library().library.answer())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "small.c")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert [process.communicate(timeout=60)[0] for process in started] == ["42\n"] * 6
    assert len(compiled(tmp_path)) == 1
    assert shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
