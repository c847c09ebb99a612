"""Runs the command line, as `cifar` and as `python -m cifar_cli`: an error becomes its message and its exit code."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from cifar_cli.cli import app
from cifar_cli.errors import CifarError, ConfigError, DivergedError, StoppedError, UsageError
from cifar_cli.kernels.memory_allocator import keep_freed_memory
from cifar_cli.models.own.build_own import own_files
from cifar_cli.models.own.translate_own_error import translate_own_error


def main() -> None:
    """Runs the command; after an error, exits with the code of `errors.py`, or with 1 for an unexpected error."""
    keep_freed_memory()
    arguments = sys.argv[1:]
    is_debugging = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a log file whose encoding lacks an arrow gets a question mark
    try:
        with _repeated_interrupts():
            app(args=[argument for argument in arguments if argument != "--debug"], prog_name="cifar")
    except CifarError as error:
        if is_debugging:
            raise
        if not _is_reported_by_the_main_process(error):
            # Editors and terminals can jump to the place at the beginning of a line.
            print("error:", str(error), sep="\n" if isinstance(error, ConfigError) else " ", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        # To most users a traceback says no more than the message.
        if is_debugging:
            raise
        if own_error := translate_own_error(error, own_files()):  # in a network that the user has named
            print("error:", own_error, file=sys.stderr)
            sys.exit(own_error.exit_code)
        print(f"error: {type(error).__name__}: {error}; the same command with --debug shows where", file=sys.stderr)
        sys.exit(1)


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
