"""Written figures: their bytes, and what is left in their folder."""

from pathlib import Path

from matplotlib.figure import Figure

from cifar_cli.figures.save_png import save_png


def test_the_same_figure_gives_the_same_bytes_and_leaves_no_part_behind(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        figure = Figure()
        figure.text(0.5, 0.5, "a layer")
        assert save_png(figure, tmp_path / name) == tmp_path / name
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes().lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
