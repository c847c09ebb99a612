"""The download bar without a terminal: lines in a log file."""

import pytest

from cifar_cli.console.download_bar import download_bar


def test_a_log_file_gets_a_line_for_each_tenth_and_the_notes(capsys: pytest.CaptureFixture[str]):
    with download_bar() as bar:
        for done in range(0, 20_000_001, 100_000):
            bar.progress(done, 20_000_000, "example.org")
            if done == 3_000_000:
                bar.note("example.org [gives] 9 kB/s")
    printed = capsys.readouterr()
    lines = [f"downloading from example.org: {2.0 * tenth:.1f} of 20.0 MB" for tenth in range(1, 11)]
    assert [line for line in printed.err.splitlines() if line] == [*lines[:1], "example.org [gives] 9 kB/s", *lines[1:]]
    assert printed.out == ""


def test_nothing_is_printed_without_a_download(capsys: pytest.CaptureFixture[str]):
    with download_bar():
        pass
    printed = capsys.readouterr()
    assert (printed.out, printed.err.strip()) == ("", "")
