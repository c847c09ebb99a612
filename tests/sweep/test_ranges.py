"""Ranges as they are typed, and what is said of mistakes in them."""

import pytest

from cifar_cli.errors import ConfigError, UsageError
from cifar_cli.sweep.ranges import Choice, FloatRange, IntRange, Range, read_range, refuse_cut_words, split_ranges


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("optimizer.lr=log(1e-3,1)", FloatRange("optimizer.lr", 0.001, 1.0, is_log=True)),
        ("optimizer.lr=log(1e-3, 1)", FloatRange("optimizer.lr", 0.001, 1.0, is_log=True)),
        ("loss.label_smoothing=uniform(0,0.2)", FloatRange("loss.label_smoothing", 0.0, 0.2)),
        ("data.augment.translate=int(0,4)", IntRange("data.augment.translate", 0, 4)),
        ("data.batch_size=int(64,500,64)", IntRange("data.batch_size", 64, 448, 64)),
        ("model.name=[resnet20,cnn]", Choice("model.name", ("resnet20", "cnn"))),
        ("model.widths=[[8,16],[32]]", Choice("model.widths", ("[8, 16]", "[32]"))),
        ("average.decay=[0.9, null]", Choice("average.decay", ("0.9", "null"))),
    ],
)
def test_a_range_is_read_as_it_is_meant(word: str, expected: Range) -> None:
    assert read_range(word) == expected


@pytest.mark.parametrize("word", ["optimizer.lr=0.1", "model={name: cnn}", "name=log", "data.root=a(b"])
def test_any_other_value_fixes_its_key(word: str) -> None:
    assert read_range(word) is None


def test_the_middle_of_a_logarithmic_range_is_the_geometric_mean() -> None:
    assert FloatRange("optimizer.lr", 0.01, 1.0, is_log=True).samples == ("0.01", "0.1", "1.0")
    assert [*IntRange("data.batch_size", 64, 448, 128).values] == ["64", "192", "320", "448"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("a.b=log(1,1e-3)", "a.b: expected the smaller number first, found 'log(1,1e-3)'; write 'a.b=log(0.001,1)'"),
        ("a.b=int(4,4)", "a.b: expected the smaller number first, found 'int(4,4)'; write a.b=4 for a single value"),
        (
            "a.b=log(0,1)",
            "a.b: expected numbers above 0, as a logarithm needs, found 'log(0,1)'; write a small number in the place "
            "of 0, or 'a.b=uniform(0,1)'",
        ),
        ("a.b=log(1)", "a.b: expected two numbers, found 'log(1)'; write for example 'a.b=log(1e-3,1)'"),
        ("a.b=uniform(0,x)", "a.b: expected two numbers, found 'uniform(0,x)'; write for example 'a.b=uniform(0,0.2)'"),
        ("a.b=uniform(0,.inf)", "a.b: expected two numbers, found 'uniform(0,.inf)'"),
        ("a.b=int(0,1.5)", "a.b: expected two whole numbers, and perhaps a step, found 'int(0,1.5)'"),
        ("a.b=int(0,4,5)", "a.b: expected a step from 1 to 4, found 'int(0,4,5)'; write another, or none"),
        ("a.b=lag(1,2)", "found 'lag(1,2)'; did you mean 'log'?"),
        ("optimizer.lr=0.003..0.3", "or a choice [a,b], found '0.003..0.3'; write 'optimizer.lr=uniform(0.003,0.3)'"),
        ("optimizer.lr=1e-3:1", "or a choice [a,b], found '1e-3:1'; write 'optimizer.lr=uniform(1e-3,1)'"),
        ("model.hidden=16,64", "or a choice [a,b], found '16,64'; write 'model.hidden=[16,64]'"),
        ("optimizer.name=sgd,adam", "or a choice [a,b], found 'sgd,adam'; write 'optimizer.name=[sgd,adam]'"),
        ("a.b=xy(1,2)", "found 'xy(1,2)'; write for example 'a.b=uniform(0,0.2)'"),
        ("a.b=[]", "a.b: expected a choice such as [a,b], found '[]'; write for example 'a.b=[a,b]'"),
        ("a.b=[1,1]", "a.b: expected each choice once, found 1 more than once; leave out the others"),
    ],
)
def test_a_mistake_in_a_range_is_told_with_what_to_write(word: str, message: str) -> None:
    with pytest.raises(UsageError) as told:
        read_range(word)
    assert message in str(told.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as told:
        split_ranges(["optimizer.lr=log(0,1)", "train.epochs=3", "a.b=int(4,0)", "model=[a,b]", "model.width=[1,2]"])
    assert [issue.partition(": expected")[0] for issue in told.value.issues] == [
        "command line: optimizer.lr",
        "command line: a.b",
        "command line: model",
    ]
    assert "expected a range for it or for its keys, found one for model.width too" in told.value.issues[2]


def test_a_key_with_two_ranges_is_refused_as_after_a_shells_braces() -> None:
    with pytest.raises(ConfigError, match=r"model.name: expected one range, found 2; .* write 'model.name=\[a,b\]'"):
        split_ranges(["model.name=[a]", "model.name=[b]"])


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["optimizer.lr=log(1e-3,", "1)"], "write it in quotes: 'optimizer.lr=log(1e-3,1)'"),
        (["x=1", "model.name=[resnet20,", "cnn]", "y=2"], "write it in quotes: 'model.name=[resnet20,cnn]'"),
        (["optimizer.lr=log(1e-3"], "write it in quotes; write for example: 'optimizer.lr=log(1e-3,1)'"),
    ],
)
def test_a_range_that_a_shell_has_cut_is_recognized(words: list[str], mend: str) -> None:
    with pytest.raises(UsageError, match="which the shell has cut") as told:
        refuse_cut_words(words)
    assert str(told.value).endswith(mend)


def test_a_closing_bracket_too_many_is_not_the_shells_fault() -> None:
    with pytest.raises(UsageError, match=r"found 'a=log\(1,2\)\)', with one \) or \] too many; write for example"):
        refuse_cut_words(["a=log(1,2))"])


@pytest.mark.parametrize("words", [["a.lr=log(1,2)", "a.lr=0.1"], ["a.name=x", "a=[{name: y},{name: z}]"]])
def test_a_value_whose_place_a_range_takes_is_refused(words: list[str]) -> None:
    with pytest.raises(
        ConfigError, match=r"command line: a\.\w+: expected a value or a range, found 'a.*; leave one out"
    ):
        split_ranges(words)


def test_a_section_may_be_set_whose_keys_are_searched() -> None:
    assert split_ranges(["a={name: y}", "a.lr=log(1,2)"])[0] == ["a={name: y}"]


@pytest.mark.parametrize(
    "word", ["name=1,2", "data.root=a,b", "train.epochs=3", "optimizer.lr=1e-3", "name=2026-11-28"]
)
def test_a_plain_value_is_not_taken_for_a_range_of_another_notation(word: str) -> None:
    assert read_range(word) is None


def test_whole_numbers_that_no_sampler_can_draw_are_refused() -> None:
    with pytest.raises(UsageError, match=r"expected whole numbers of at most 9007199254740992, found 'int\(1,1"):
        read_range(f"a=int(1,{10**30})")


def test_whole_words_are_not_taken_for_cut_ones() -> None:
    refuse_cut_words(["a=log(1,2)", "b=[[1],[2]]", "model={name: cnn, widths: [8]}", "name=x"])


def test_the_middle_of_very_small_numbers_is_not_0() -> None:
    assert float(FloatRange("lr", 1e-200, 1e-198, is_log=True).samples[1]) == pytest.approx(1e-199)
