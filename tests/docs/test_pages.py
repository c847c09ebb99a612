"""The README and the manual: links lead somewhere, figures say where they come from, examples are what is printed."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cifar_cli.commands.docs import topics
from cifar_cli.config import load, load_text
from cifar_cli.config.keys import dotted_keys
from cifar_cli.config.schema import CHOICES, Experiment
from cifar_cli.config.sections import GROUP
from cifar_cli.data.transforms.table import AUGMENT, AUGMENTATIONS
from cifar_cli.errors import ConfigError
from cifar_cli.lessons.table import LESSONS
from cifar_cli.section import Section

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "cifar_cli" / "docs"
PAGES = [ROOT / "README.md", *sorted(MANUAL.rglob("*.md"))]
on_each_page = pytest.mark.parametrize("page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])


def read(topic: str) -> str:
    return (MANUAL / f"{topic}.md").read_text(encoding="utf-8")


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))


# --- every page ----------------------------------------------------------------------------------------------------


@on_each_page
def test_every_link_leads_to_a_file_of_the_repository(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    waiting, seen = [ROOT / "README.md"], set()
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in seen:
            seen.add(page)
            waiting += [(page.parent / link).resolve() for link in links(page)]
    assert set(MANUAL.rglob("*.md")) - seen == set()


@on_each_page
def test_it_begins_with_a_title_and_a_sentence_that_says_what_it_is_about(page: Path) -> None:
    title, summary, *_ = page.read_text(encoding="utf-8").split("\n\n")
    assert re.fullmatch(r"# \S.*", title)
    if page.name != "README.md":
        assert re.fullmatch(r"[A-Z].{,140}\.", summary.replace("\n", " "))


FIGURE = re.compile(r"\b\d+\.\d+ %|\b\d+(?:\.\d+)?(?: and \d+)? (?:s|ms|µs|GiB|MiB)\b")
ORIGIN = re.compile(r"20\d\d|Xeon|EPYC|Zen 4|H100")


@on_each_page
def test_a_figure_that_was_measured_says_when_or_where(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    first, *sections = re.split(r"^##+ ", text, flags=re.MULTILINE)
    unnamed = [s.partition("\n")[0] for s in sections if FIGURE.search(s) and not ORIGIN.search(first + s)]
    assert unnamed == []


def test_figures_and_their_origins_are_found() -> None:
    # Guards the test above.
    assert all(map(FIGURE.search, ("took 13 s", "reached 56.6 % in all", "a step of 5.6 ms")))
    assert not FIGURE.search("95 % confidence")
    assert not ORIGIN.search("measured somewhere")


NAMED_PAGES = sorted(
    {
        (path.relative_to(ROOT).as_posix(), name)
        for path in [*(ROOT / "cifar_cli").rglob("*.py"), *(ROOT / "configs").rglob("*.yaml")]
        for name in re.findall(r"docs[ /](experiments/\w+)", path.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize(("place", "topic"), NAMED_PAGES, ids=lambda value: value)
def test_a_page_of_notes_that_code_or_a_configuration_names_is_there(place: str, topic: str) -> None:
    assert topic in topics()


# --- configuration -------------------------------------------------------------------------------------------------

ONE_KEY = re.compile(r"(?P<indent> *)(?:# )?(?P<key>[a-z_0-9]+):(?: (?P<value>\S.*?))??(?: +# (?P<meaning>.+))?")
NEXT_LINE = re.compile(r" {20,}# (?P<meaning>.+)")


def commented_page() -> str:
    """Returns the YAML of docs/configuration.md that has every key with a comment."""
    chapter = read("configuration").partition("## Configuration in one page")[2]
    return chapter.partition("```yaml\n")[2].partition("```")[0]


def commented_keys(page: str) -> Iterator[tuple[str, str | None, str]]:
    """Yields the path, the value (None for a section) and the comment of each key, those behind a second # included."""
    keys: list[tuple[str, str | None, str]] = []
    path: list[tuple[int, str]] = []
    for line in page.splitlines():
        if more := NEXT_LINE.fullmatch(line):
            known, value, meaning = keys.pop()
            keys.append((known, value, f"{meaning} {more['meaning']}".strip()))
        elif key := ONE_KEY.fullmatch(line):
            while path and path[-1][0] >= len(key["indent"]):
                path.pop()
            path.append((len(key["indent"]), key["key"]))
            keys.append((".".join(name for _, name in path), key["value"], key["meaning"] or ""))
    yield from keys


def paths_of(path: tuple[str, ...], section: type[Section]) -> set[str]:
    """Returns the path of every key of a section and of the sections in it, whichever kinds they are of."""
    found = set()
    for key, field in section.model_fields.items():
        below = (*path, key)
        name = ".".join(below)
        found.add(name)
        inner: list[type[Section]] = []
        if choice := GROUP if name == "optimizer.groups" else CHOICES.get(name):
            inner = [*choice.sections().values()]
        elif name == "data.augment":
            inner = [AUGMENT.section()]
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            inner = [field.annotation]
        for kind in inner:
            found |= paths_of(below, kind)
    return found


def as_in_the_optimizer(path: str) -> str:
    """Returns the path of a group's key, or, for one that its optimizer has too, of that."""
    in_group = path.startswith("optimizer.groups.") and path.rpartition(".")[2] not in ("parameters", "epochs")
    return path.replace("optimizer.groups.", "optimizer.") if in_group else path


def test_the_configuration_on_one_page_is_valid() -> None:
    experiment = load_text(commented_page(), location="mine.yaml")
    assert experiment.optimizer.name == "sgd"


def test_comments_are_read_with_their_paths_values_and_next_lines() -> None:
    page = """\
seed: 0                   # where chance begins
model:
  name: mlp               # which one
  # depth: [1, 2]         # another model's: how deep it is,
                          # in layers: two
  layers:                 # a list
    - conv1: {type: Conv2d}
train:                    # a section,
                          # explained
  epochs: 3
"""
    assert list(commented_keys(page)) == [
        ("seed", "0", "where chance begins"),
        ("model", None, ""),
        ("model.name", "mlp", "which one"),
        ("model.depth", "[1, 2]", "another model's: how deep it is, in layers: two"),
        ("model.layers", None, "a list"),
        ("train", None, "a section, explained"),
        ("train.epochs", "3", ""),
    ]


def test_it_has_a_comment_for_every_key_but_those_of_single_components_and_none_that_is_unknown() -> None:
    plain = {key for key in dotted_keys(load("mlp")) if not key.startswith("data.augment.")}
    comments = {path: comment for path, _, comment in commented_keys(commented_page())}
    sections = {path for path in comments if any(other.startswith(f"{path}.") for other in comments)}
    assert set(comments) <= {as_in_the_optimizer(path) for path in paths_of((), Experiment)}
    assert plain <= set(comments)
    assert [path for path, comment in comments.items() if not comment and path not in sections] == []


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_it_has_every_augmentation_in_order_with_a_value_that_is_valid(key: str) -> None:
    values = {
        path.rpartition(".")[2]: value for path, value, _ in commented_keys(commented_page()) if "augment." in path
    }
    assert [*values] == [*AUGMENTATIONS]
    assert load("cnn", ["data.augment=null", f"data.augment.{key}={values[key]}"]).data.augment.applied().keys() <= {
        key
    }


@pytest.mark.parametrize(
    ("section", "kind"), [(section, kind) for section, choice in CHOICES.items() for kind in choice.table]
)
def test_its_values_are_valid_for_every_kind_that_has_the_key(section: str, kind: str, photos: Path) -> None:
    written = {
        path.rpartition(".")[2]: value
        for path, value, _ in commented_keys(commented_page())
        if value and path.startswith(f"{section}.")
    }
    keys = [
        key for key in CHOICES[section].keys_of(kind).model_fields if key in written and key not in ("name", "groups")
    ]
    values = ", ".join(f"{key}: {written[key]}" for key in keys)
    words = [f"{section}={{name: {kind}, {values}}}"] if kind != "sequential" else []
    if kind == "folder":
        words.append(f"data.root={photos}")
    if kind == "muon":
        words.append("optimizer.groups=[{name: sgd, parameters: ['*.bias', 'norm*', 'fc*']}]")
    loaded = load(
        "sequential" if section not in ("model", "data") else "mlp",
        [*words, "data.augment.sizes=[]", "data.val_size=1"],
    )
    assert kind == "sequential" or getattr(loaded, section).name == kind


def test_the_mistakes_it_shows_are_told_in_these_words() -> None:
    mistaken = commented_page().replace("\n  lr: 0.01 ", "\n  lr: fast ").replace("\n  momentum: ", "\n  momentun: ")
    with pytest.raises(ConfigError) as caught:
        load_text(mistaken, location="mine.yaml")
    (shown,) = re.findall(r"```text\n(.*?)\n```", read("configuration"), re.DOTALL)
    assert str(caught.value) == shown


def test_its_example_of_parameter_groups_fits_the_network_that_it_names() -> None:
    groups = re.findall(r"```yaml\n(.*?)```", read("configuration"), re.DOTALL)[1]
    experiment = load_text(f"model: {{name: cnn}}\n{groups}", location="groups.yaml")
    assert [group.name for group in experiment.optimizer.groups] == ["sgd", "sgd"]


# --- learning ------------------------------------------------------------------------------------------------------

EXPLAINED = read("learning").partition("## A network explained")[2].partition("\n## ")[0]


def test_the_table_of_lessons_has_every_lesson_in_order() -> None:
    table = read("learning").partition("| lesson |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE) == list(LESSONS)


def test_the_table_it_shows_is_what_explain_prints(cifar: Callable[..., Any]) -> None:
    printed = cifar("explain", "tutorial").out
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    shown = re.findall(r"^ (\w+ .*)$", EXPLAINED, re.MULTILINE)
    assert [line.split()[0] for line in shown] == ["layer", "conv1", "pool1", "conv2"]

    def without_time(cells: list[str]) -> list[str]:
        return cells[: cells.index("%") - 1] + cells[cells.index("%") :] if "%" in cells else cells

    for line in shown:
        cells = line.split()
        assert without_time(cells) == without_time(rows[cells[0]])


def test_the_number_it_works_by_hand_adds_up_and_is_the_layers(real_data: Path, cifar: Callable[..., Any]) -> None:
    printed = cifar("explain", "tutorial", "--layer", "conv1", f"data.root={real_data}").out
    shown = re.findall(r"^\S.*  +−?\d\.\d{4}$", EXPLAINED, re.MULTILINE)
    assert len(shown) == 6
    assert {" ".join(line.split()) for line in shown} <= {" ".join(line.split()) for line in printed.splitlines()}
    *terms, total, given = [float(line.split()[-1].replace("−", "-")) for line in shown]
    assert sum(terms) == pytest.approx(total, abs=1e-9)
    assert total == pytest.approx(given, abs=1e-3)


# --- your own network ----------------------------------------------------------------------------------------------

SMALL = ["data.name=synthetic", "data.val_size=20", "data.batch_size=20", "train.epochs=1", "train.device=cpu"]


@pytest.mark.usefixtures("short_benchmarks", "reference_here")
def test_the_network_of_the_page_works_with_every_command_that_it_shows(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    page = read("own_network")
    (text,) = re.findall(r"```python\n# my_net.py\n(.*?)```", page, re.DOTALL)
    (tmp_path / "my_net.py").write_text(text)
    lines = [line for block in re.findall(r"```bash\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 10
    Image.new("RGB", (64, 48), "orange").save(tmp_path / "photo.jpg")
    for line in lines:
        words = line.split()[1:]
        words += SMALL if words[0] in ("train", "benchmark") else []
        words += ["--seconds", "1"] if words[0] == "benchmark" else []
        words += SMALL[:2] if words[0] == "visualize-layer" and "--model" in words else []
        outcome = cifar(*words, images=(120, 20))
        assert outcome.code == 0, (line, outcome.err)


def test_the_message_of_the_page_is_what_is_said_of_a_wrong_number(cifar: Callable[..., Any], tmp_path: Path) -> None:
    page = read("own_network")
    (text,) = re.findall(r"```python\n# my_net.py\n(.*?)```", page, re.DOTALL)
    (message,) = re.findall(r"```text\n(.*?)\n```", page, re.DOTALL)
    (tmp_path / "my_net.py").write_text(text.replace("16 * 8 * 8, 10", "512, 10"))
    assert cifar("train", "--model", "my_net.py:Net").err.strip() == message


# --- architecture --------------------------------------------------------------------------------------------------

PLAN = read("architecture").partition("```text\ncifar_cli/\n")[2].partition("```")[0]
ROOMS = re.findall(r"^  (\w+)(/|\.py|\.md) ", PLAN, re.MULTILINE)


def test_the_plan_has_every_room_and_every_module_beside_them() -> None:
    package = ROOT / "cifar_cli"
    folders = {(path.name, "/") for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"}
    modules = {(path.stem, ".py") for path in package.glob("*.py") if path.stem != "__init__"}
    assert set(ROOMS) == folders | modules


def test_every_room_imports_only_from_rooms_below_it_in_the_plan() -> None:
    order = [room for room, _ in ROOMS if room != "docs"]
    upward = [
        f"{path.relative_to(ROOT)}: {imported}"
        for path in (ROOT / "cifar_cli").rglob("*.py")
        for imported in re.findall(r"^\s*(?:from|import) cifar_cli\.([\w.]+)", path.read_text(), re.MULTILINE)
        if not imported.endswith(".table")  # the tables of components stand below config, wherever their room is
        and (room := path.relative_to(ROOT / "cifar_cli").parts[0].removesuffix(".py")) in order
        and order.index(imported.partition(".")[0]) < order.index(room)
    ]
    assert upward == []


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w./]+/\w+\.(?:py|yaml))`", read("architecture")))))
def test_every_file_that_it_names_exists(path: str) -> None:
    assert (ROOT / path).is_file() or (ROOT / "cifar_cli" / path).is_file()


def test_from_yaml_to_weights_are_ten_files_each_named_by_one_before_it() -> None:
    chapter = read("architecture").partition("## From YAML to weights in ten files")[2].partition("\n## ")[0]
    yaml, first, *others = re.findall(r"^\| `([^`]+)`", chapter, re.MULTILINE)
    assert len(others) == 8
    experiment = load(ROOT / yaml)
    targets = [experiment.model.target, *(entry.target for entry, _ in experiment.data.augment.applied().values())]
    seen = " ".join([*targets, (ROOT / first).read_text(encoding="utf-8")])
    for path in others:
        assert path.removesuffix(".py").replace("/", ".") in seen
        seen += (ROOT / path).read_text(encoding="utf-8")


@on_each_page
def test_python_files_that_the_pages_name_exist(page: Path) -> None:
    text = re.sub(r"```python.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)  # of files to write
    named = re.findall(r"\b(?:cifar_cli|tests)/[\w/]+\.py", text)
    assert [name for name in named if not (ROOT / name).is_file()] == []
