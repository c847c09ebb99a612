"""What becomes of a command whose stdout or stderr cannot be written, in real processes."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SHOW = f"{sys.executable} -m cifar_cli config show mlp"  # 1.5 kB of results
HELP = f"{sys.executable} -m cifar_cli --help"
WRONG = f"{sys.executable} -m cifar_cli config show nonesuch"
ERROR = "error: stdout: the results could not be written: {}; send them elsewhere, for example with > FILE\n"


def shell(command: str) -> tuple[int, str, str]:
    """Returns the exit code of the first program of a pipeline, and all that the pipeline printed."""
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", [SHOW, HELP], ids=["show", "help"])
def test_a_reader_that_has_seen_enough_is_no_error(command: str) -> None:
    """`true` has ended long before the command writes."""
    code, _, err = shell(f"(sleep 0.1; {command}) | true")
    assert (code, err) == (0, "")


def test_the_first_lines_arrive_before_the_reader_leaves() -> None:
    code, out, err = shell(f"{SHOW} | head -1")
    assert (code, err) == (0, "")
    assert out.startswith("# The tutorials' multilayer perceptron")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", [SHOW, HELP, f"{sys.executable} -m cifar_cli --version"])
def test_results_that_a_full_disk_does_not_take_are_an_error(command: str) -> None:
    assert shell(f"{command} > /dev/full") == (1, "", ERROR.format("No space left on device"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_error_of_a_command_is_reported_though_stdout_is_full() -> None:
    code, _, err = shell(f"{WRONG} > /dev/full")
    assert code == 2
    assert err.startswith("error: nonesuch: no such file")
    assert "stdout" not in err


def test_a_closed_stdout_is_an_error_and_no_file_gets_the_results() -> None:
    assert shell(f"{SHOW} >&-") == (1, "", ERROR.format("it is closed"))


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_an_error_that_stderr_does_not_take_is_not_printed_among_the_results(redirection: str) -> None:
    assert shell(f"{WRONG} {redirection}") == (2, "", "")


def test_a_closed_stderr_costs_no_results() -> None:
    with_stderr, without = shell(SHOW), shell(f"{SHOW} 2>&-")
    assert without == with_stderr
    assert without[1]


def test_descriptors_of_closed_streams_are_given_to_no_file() -> None:
    """A file that were opened as descriptor 2 would get whatever a library prints to stderr."""
    program = (
        "import os\n"
        "from cifar_cli.console.standard_streams import robust_standard_streams\n"
        "with robust_standard_streams(): os.write(9, str(os.open('/', os.O_RDONLY)).encode())"
    )
    code, out, _ = shell(f'{sys.executable} -c "{program}" 9>&1 <&- >&- 2>&-')
    assert code == 0
    assert int(out) > 2


def test_a_terminal_that_is_gone_costs_no_exit_code() -> None:
    """As with `trap '' HUP`, and then the window is closed."""
    program = (
        "import sys\n"
        "from cifar_cli.console.standard_streams import robust_standard_streams\n"
        "with robust_standard_streams():\n"
        "    print('here', flush=True)\n"
        "    try: sys.stdin.read(1)\n"  # until the terminal is gone
        "    except OSError: pass\n"
        "    for stream in (sys.stdout, sys.stderr):\n"
        "        print('gone', file=stream, flush=True)\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, "-c", program])
    assert b"here" in os.read(terminal, 1000)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_full_pipe_that_does_not_block_is_waited_for() -> None:
    """A parent such as node makes its pipes non-blocking, and reads later."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    program = (
        "from cifar_cli.console.standard_streams import robust_standard_streams\n"
        "with robust_standard_streams(): print('x' * 1_000_000)"  # a pipe holds 64 KiB
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=writing) as process:
        os.close(writing)
        with open(reading, "rb") as pipe:
            assert len(pipe.read()) == 1_000_001
    assert process.returncode == 0
