"""Runs the command line, as `cifar` and as `python -m cifar_cli`: an error becomes its message and its exit code.

Knows no command.
"""

import sys
from io import TextIOWrapper

from cifar_cli.cli import app
from cifar_cli.errors import CifarError, ConfigError, DivergedError, StoppedError, UsageError
from cifar_cli.kernels.memory_allocator import keep_freed_memory


def main() -> None:
    """Runs what was typed; ends the process with an exit code of `errors.py`, or 1 for what nobody foresaw."""
    keep_freed_memory()
    arguments = sys.argv[1:]
    is_debugging = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # an arrow that a log file cannot hold is no reason to fail
    try:
        app(args=[argument for argument in arguments if argument != "--debug"], prog_name="cifar")
    except CifarError as error:
        if is_debugging:
            raise
        if not _is_known_to_the_main_process(error):
            # A line that begins with a place is one that editors and terminals can jump to.
            print("error:", str(error), sep="\n" if isinstance(error, ConfigError) else " ", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        # Foreseen by nobody: a traceback would tell most people nothing that the error's own words do not.
        if is_debugging:
            raise
        print(f"error: {type(error).__name__}: {error}; the same command with --debug shows where", file=sys.stderr)
        sys.exit(1)


def _is_known_to_the_main_process(error: CifarError) -> bool:
    """Returns whether this is one of several processes that train together and another one tells the same error."""
    if not isinstance(error, UsageError | DivergedError | StoppedError):
        return False
    from cifar_cli.distributed.process_group import is_main_process

    return not is_main_process()


if __name__ == "__main__":
    main()
