"""Runs the command line, as `cifar` and as `python -m cifar_cli`: an error becomes its message and its exit code."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from cifar_cli import formatting
from cifar_cli.cli import app
from cifar_cli.console.bash_words import join_option_values
from cifar_cli.console.library_warnings import plain_warnings
from cifar_cli.console.standard_streams import flushed_results, robust_standard_streams
from cifar_cli.errors import (
    CifarError,
    ConfigError,
    DivergedError,
    StoppedError,
    UsageError,
    no_temporary_folder,
    out_of_memory,
)
from cifar_cli.kernels.memory_allocator import keep_freed_memory


def main() -> None:
    """Runs the command; after an error, exits with the code of `errors.py`, or with 1 for an unexpected error."""
    is_debugging = "--debug" in sys.argv[1:]
    with robust_standard_streams(), nullcontext() if is_debugging else plain_warnings():
        _run_command(is_debugging=is_debugging)


def _run_command(*, is_debugging: bool) -> None:
    keep_freed_memory()
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        join_option_values(os.environ)
        _check_completion_options(arguments)
        with _repeated_interrupts(), flushed_results():
            app(args=arguments, prog_name="cifar")
    except CifarError as error:
        if is_debugging:
            raise
        if not _is_reported_by_the_main_process(error):
            # Editors and terminals can jump to the place at the beginning of a line.
            _print_error(error, separator="\n" if isinstance(error, ConfigError) else " ")
        sys.exit(error.exit_code)
    except Exception as error:
        # To most users a traceback says no more than the message.
        if is_debugging:
            raise
        translated = out_of_memory(error) or no_temporary_folder(error) or _translate_own_error(error)
        if translated is not None:
            _print_error(translated)
            sys.exit(translated.exit_code)
        _print_error(f"{type(error).__name__}: {error}; the same command with --debug shows where")
        sys.exit(1)


def _translate_own_error(error: Exception) -> CifarError | None:
    """Returns an error in a network that the user has named, None for any other error."""
    # Imported here: they bring pydantic and the table of networks, half of what `cifar --help` would import.
    from cifar_cli.models.own.build_own import own_files
    from cifar_cli.models.own.translate_own_error import translate_own_error

    return translate_own_error(error, own_files())


def _print_error(error: object, *, separator: str = " ") -> None:
    """Prints an error without rich, whose import takes time. Names in it are other people's."""
    print(formatting.without_control_characters(f"error:{separator}{error}"), file=sys.stderr)


def _check_completion_options(arguments: list[str]) -> None:
    """Raises UsageError for a word after an option of the shell completion, which typer would ignore silently."""
    if arguments[:1] in (["--install-completion"], ["--show-completion"]) and arguments[1:]:
        raise UsageError(
            f"{arguments[0]}: expected nothing after it, as it finds the shell by itself, found '{arguments[1]}'; "
            "leave it out"
        )


@contextmanager
def _repeated_interrupts() -> Iterator[None]:
    """Repeats a Ctrl-C that Python drops because it came within a destructor or a callback, as during imports."""
    previous = sys.unraisablehook

    def repeat(unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
        else:
            previous(unraisable)

    sys.unraisablehook = repeat
    try:
        yield
    finally:
        sys.unraisablehook = previous


def _is_reported_by_the_main_process(error: CifarError) -> bool:
    """Returns whether this process trains with others, and the main process reports the same error."""
    if not isinstance(error, UsageError | DivergedError | StoppedError):
        return False
    from cifar_cli.distributed.process_group import is_main_process

    return not is_main_process()


if __name__ == "__main__":
    main()
