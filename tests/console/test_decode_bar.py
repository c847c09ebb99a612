"""The progress of decoding: ten lines in a log file, and none for few images."""

import pytest

from cifar_cli.console.decode_bar import decode_bar


@pytest.mark.parametrize(
    ("total", "lines"), [(900, []), (2000, [200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000])]
)
def test_a_log_file_gets_ten_lines_for_many_images(
    total: int, lines: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    with decode_bar() as show:
        for done in range(100, total + 1, 100):
            show(done, total)
    assert capsys.readouterr().err.splitlines() == [f"decoded {done:,} of 2,000 images" for done in lines]
