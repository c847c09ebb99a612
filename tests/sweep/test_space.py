"""What a sweep may search: each value goes through the configuration's check, also where keys depend on a name."""

from dataclasses import replace

import pytest

from cifar_cli.config.config_files import ConfigFile, read_config_file
from cifar_cli.errors import ConfigError, UsageError
from cifar_cli.sweep.ranges import split_ranges
from cifar_cli.sweep.space import SearchSpace

CNN = read_config_file("cnn")


def space_of(*words: str, file: ConfigFile = CNN) -> SearchSpace:
    fixed, ranges = split_ranges(words)
    return SearchSpace(file, tuple(fixed), tuple(ranges))


def mistakes_of(*words: str) -> list[str]:
    with pytest.raises(ConfigError) as told:
        space_of(*words).check()
    return list(told.value.issues)


def test_a_variant_has_the_values_the_overrides_and_the_rest_of_the_file() -> None:
    space = space_of("optimizer.lr=log(1e-3,1)", "data.augment.translate=int(0,4)", "train.epochs=3")
    experiment = space.variant({"optimizer.lr": "0.25", "data.augment.translate": "4"}).experiment
    assert (experiment.optimizer.lr, experiment.train.epochs, experiment.optimizer.name) == (0.25, 3, "muon")
    assert experiment.data.augment.model_dump()["translate"] == 4
    assert replace(space, ranges=()).variant({}).experiment == space.base()


def test_both_ends_of_a_range_and_each_choice_are_checked() -> None:
    mistakes = mistakes_of(
        "data.augment.translate=int(-1,4)", "loss.label_smoothing=uniform(0,1)", "model.name=[resnet20,cmn,dnse]"
    )
    found = [mistake.partition(", found ")[2].partition(";")[0] for mistake in mistakes]
    assert found == ["'cmn'", "'dnse'", "-1", "1.0"]
    assert mistakes[0].startswith("command line: model.name: expected one of sequential, mlp, cnn,")
    assert "did you mean 'cnn'?" in mistakes[0]


def test_an_unknown_key_is_told_as_in_a_configuration() -> None:
    assert mistakes_of("optimiser.lr=log(1e-3,1)") == [
        "command line: optimiser: unknown key; did you mean 'optimizer'?"
    ]
    assert mistakes_of("model.width=[8,16]") == [
        "command line: model.width: cnn has no such key; did you mean 'widths'?"
    ]


def test_a_range_of_numbers_for_a_key_of_whole_numbers_is_told_once_with_the_form_that_is_right() -> None:
    (mistake,) = mistakes_of("data.batch_size=uniform(100,500)")
    assert mistake.endswith("as a range, write 'data.batch_size=int(100,500)'")


def test_of_a_key_that_holds_a_list_a_choice_is_a_list_of_lists() -> None:
    mistakes = mistakes_of("model.widths=[32,64]")
    assert all(mistake.endswith("as a range, write 'model.widths=[[32, 64]]'") for mistake in mistakes)
    models = [variant.experiment.model.model_dump() for variant in space_of("model.widths=[[32,64],[8]]").check()]
    assert {model["widths"] for model in models} == {(32, 64), (8,)}


UNSEARCHABLE = ["seed", "name", "log.images_every", "train.device", "data", "data.name", "data.root", "data.val_size"]


@pytest.mark.parametrize("key", UNSEARCHABLE)
def test_what_does_not_change_the_network_or_changes_what_measures_it_cannot_be_searched(key: str) -> None:
    (mistake,) = mistakes_of(f"{key}=[1,2]")
    assert mistake.startswith(f"command line: {key}: expected a key that a sweep can search: ")


def test_without_held_out_images_there_is_nothing_to_compare() -> None:
    (mistake,) = mistakes_of("optimizer.lr=log(1e-3,1)", "data.val_size=0")
    assert mistake.endswith("found 0; write for example data.val_size=5000")


# --- keys that depend on a name ------------------------------------------------------------------------------------


def test_the_keys_that_another_network_lacks_are_left_out_and_named() -> None:
    variants = space_of("model.name=[resnet20,cnn]").check()
    assert {variant.experiment.model.name: variant.left_out for variant in variants} == {
        "resnet20": ("model.widths",),
        "cnn": (),
    }


def test_a_range_is_searched_only_with_the_names_that_have_the_key() -> None:
    space = space_of("model.widths=[[8],[16]]", "model.name=[resnet20,cnn]", "optimizer.lr=[0.1,0.2]")
    assert [list(values.items()) for values in space.combinations()] == [
        [("model.name", "resnet20"), ("optimizer.lr", "0.1")],
        [("model.name", "resnet20"), ("optimizer.lr", "0.2")],
        *(
            [("model.name", "cnn"), ("model.widths", widths), ("optimizer.lr", lr)]
            for widths in ("[8]", "[16]")
            for lr in ("0.1", "0.2")
        ),
    ]
    for values in space.combinations():
        space.variant(values)


def test_each_name_is_checked_with_each_other_name() -> None:
    variants = space_of(
        "model.name=[resnet20,cnn]", "optimizer.name=[sgd,adam]", "optimizer.momentum=[0.5,0.9]"
    ).check()
    pairs = {(variant.experiment.model.name, variant.experiment.optimizer.name) for variant in variants}
    assert pairs == {("resnet20", "sgd"), ("resnet20", "adam"), ("cnn", "sgd"), ("cnn", "adam")}


def test_a_whole_section_is_a_choice_too() -> None:
    space = space_of("model=[{name: resnet20},{name: cnn, widths: [8, 16]}]")
    assert [variant.experiment.model.name for variant in space.check()] == ["resnet20", "cnn"]


def test_a_grid_of_millions_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cifar_cli.sweep.space.MAX_GRID", 1000)
    with pytest.raises(UsageError, match="--sampler grid: expected at most 1000 combinations, found more"):
        space_of("data.batch_size=int(1,1000000000)").count_combinations()
