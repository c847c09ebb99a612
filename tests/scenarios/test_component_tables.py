"""Walks the tables of components: each entry agrees with its code, and a small instance does all that a user asks."""

import inspect
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn
from torch.nn import functional as F

from cifar_cli.builders.build_model import build_model
from cifar_cli.config import Experiment, load_text
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.transforms.table import AUGMENTATIONS
from cifar_cli.models.table import MODELS
from cifar_cli.optim.schedules.table import SCHEDULES
from cifar_cli.optim.table import AVERAGES, LOSSES, OPTIMIZERS, SHARPNESS
from cifar_cli.section import Entry, load_target

# A person's own network needs its file: tests/scenarios/test_own_model.py has the same tests for it.
BUILT_IN = {name: keys for name, keys in MODELS.items() if not keys.is_own}
TABLES: dict[str, dict[str, type[Entry]]] = {
    "data": DATASETS,
    "model": BUILT_IN,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "average": AVERAGES,
    "sharpness": SHARPNESS,
}  # type: ignore[assignment]  # tables of different entries
ENTRIES = [(section, name) for section, table in TABLES.items() for name in table]
PUBLISHED = [name for name, entry in DATASETS.items() if not entry.is_own]
CONSTRUCTED = [(section, name) for section, name in ENTRIES if section != "data"]

# Arguments that the program gives by itself, and keys that are for others than the constructor.
GIVEN = {"image_shape", "num_classes", "model", "total_steps", "epoch_ends", "params"}
NOT_FOR_THE_CONSTRUCTOR = {"decay_norm_and_bias", "warmup_epochs"}

# torch's 0.001 is too small for SGD on these images.
OTHER_DEFAULT_THAN_TORCH = {("sgd", "lr")}

STEPS_PER_EPOCH = 5
SMALL = ["data.batch_size=20", "data.val_size=20", "train.epochs=2", "train.device=cpu"]
IMAGES = (120, 20)  # for training and validation, and for the test
NO_PICTURES = ["log.images_every=0", "log.statistics_every=0", "log.embeddings=0"]


def text_of(section: str, name: str) -> str:
    """Returns a configuration with a small instance of one entry, the rest as it is by default."""
    sections: dict[str, Any] = {"data": {"name": "synthetic"}, "model": {"name": "mlp", "hidden": [8]}}
    if section == "augmentation":
        sections["data"]["augment"] = {name: AUGMENTATIONS[name].example}
        sections["model"] = {"name": "cnn", "widths": [8]}
    else:
        sections[section] = {"name": name, **TABLES[section][name].example}
    if section == "optimizer" and OPTIMIZERS[name].matrices_only:
        sections["optimizer"]["groups"] = [{"parameters": ["*.bias"], "name": "sgd"}]
    return "".join(f"{key}: {to_flow_yaml(value)}\n" for key, value in {"name": "small", **sections}.items())


@pytest.mark.parametrize(("section", "name"), CONSTRUCTED)
def test_keys_and_defaults_are_the_constructors_arguments_and_defaults(section: str, name: str) -> None:
    keys = TABLES[section][name]
    parameters = inspect.signature(load_target(keys.target)).parameters
    own = {key: field for key, field in keys.model_fields.items() if key not in NOT_FOR_THE_CONSTRUCTOR | {"name"}}
    assert own.keys() <= parameters.keys()
    for key, field in own.items():
        default = parameters[key].default
        if default is not inspect.Parameter.empty and (name, key) not in OTHER_DEFAULT_THAN_TORCH:
            assert field.default == default, key
    required = {key for key, parameter in parameters.items() if parameter.default is inspect.Parameter.empty}
    assert required <= own.keys() | GIVEN


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_the_first_argument_of_an_augmentation_is_the_keys_value(key: str) -> None:
    augmentation = AUGMENTATIONS[key]
    value, *inputs = inspect.signature(load_target(augmentation.target)).parameters.values()
    assert value.default is inspect.Parameter.empty  # the key's default, `off`, means that there is no augmentation
    assert {parameter.name for parameter in inputs} <= {"num_images", "num_classes", "mean", "seed"}
    assert augmentation.example != augmentation.off


def small_images(name: str) -> DatasetSource:
    """Returns a source of few images with the shape and the classes of a dataset."""
    facts = DATASETS[name]
    generator = torch.Generator().manual_seed(0)

    def images(count: int) -> ImageSet:
        pixels = torch.randint(256, (count, *facts.image_shape), dtype=torch.uint8, generator=generator)
        names = tuple(f"class {number}" for number in range(facts.num_classes))
        return ImageSet(name, pixels, torch.arange(count) % facts.num_classes, names)

    return DatasetSource(read=lambda root: (images(IMAGES[0]), images(IMAGES[1])))


def checkpoint_of(run: Path) -> dict[str, Any]:
    contents: dict[str, Any] = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    return contents


@pytest.fixture
def assert_it_works(
    cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], None]:
    """Returns a function that uses a small instance of an entry as a person does.

    It is trained and evaluated, its network explained and drawn, and an interrupted training resumed.
    """

    def check(section: str, name: str) -> None:
        # The other sections have one network, which says nothing of them.
        is_drawn = section in ("model", "data")
        if not is_drawn:
            monkeypatch.setattr("cifar_cli.figures.confusion_matrix.draw_confusion", lambda *_, **__: Figure((1, 1)))
        (tmp_path / "small.yaml").write_text(text_of(section, name))
        train = ("train", "--config", "small.yaml", *SMALL, *([] if is_drawn else NO_PICTURES))
        trained = cifar(*train, images=IMAGES)
        assert trained.code == 0, trained.err
        (run,) = (tmp_path / "logs").iterdir()
        summary = json.loads((run / "summary.json").read_text())
        assert (summary["status"], summary["epochs"]) == ("completed", 2)
        assert checkpoint_of(run)["progress"]["step"] == 2 * STEPS_PER_EPOCH
        measured = json.loads(cifar("eval", run, "--json", images=IMAGES).out)
        assert measured["accuracy"] == summary["test"]["accuracy"]
        if is_drawn:
            explained = json.loads(cifar("explain", run, "--json", images=IMAGES).out)
            assert explained["totals"]["parameters"] == summary["parameters"]
            assert cifar("visualize-layer", "--all", run, images=IMAGES).code == 0
            with Image.open(run / "images" / "all.png") as picture:
                picture.load()
                assert min(picture.size) > 300

        with at_step(STEPS_PER_EPOCH + 2, lambda state: signal.raise_signal(signal.SIGINT)):
            assert cifar(*train, images=IMAGES).code == 130
        (stopped,) = set((tmp_path / "logs").iterdir()) - {run}
        assert checkpoint_of(stopped)["progress"]["step"] == STEPS_PER_EPOCH + 2
        assert cifar("train", "--resume", stopped, images=IMAGES).code == 0
        uninterrupted, resumed = checkpoint_of(run)["model"], checkpoint_of(stopped)["model"]
        assert [key for key, value in uninterrupted.items() if not torch.equal(value, resumed[key])] == []

    return check


OTHERS = [(section, name) for section, name in ENTRIES if section != "model"]


@pytest.mark.parametrize(("section", "name"), [*OTHERS, *(("augmentation", key) for key in AUGMENTATIONS)])
def test_a_small_instance_trains_is_evaluated_and_a_resumed_one_ends_equal(
    section: str,
    name: str,
    assert_it_works: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    draw_photos: Callable[..., None],
) -> None:
    if section == "data" and DATASETS[name].is_own:
        draw_photos(tmp_path / DATASETS[name].example["root"], train=40, test=7, side=8)  # of each of three classes
    elif section == "data":
        monkeypatch.setattr("cifar_cli.data.datasets.open_dataset.find_dataset", small_images)
    assert_it_works(section, name)


def test_a_small_network_trains_is_evaluated_explained_and_drawn_and_a_resumed_one_ends_equal(
    model_with_new_layers: str, assert_it_works: Callable[[str, str], None]
) -> None:
    assert_it_works("model", model_with_new_layers)


def test_every_small_network_trains_and_is_explained(
    distinct_model: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text(text_of("model", distinct_model))
    trained = cifar("train", "--config", "small.yaml", *SMALL, "train.epochs=1", *NO_PICTURES, images=IMAGES)
    assert trained.code == 0, trained.err
    (run,) = (tmp_path / "logs").iterdir()
    summary = json.loads((run / "summary.json").read_text())
    assert summary["status"] == "completed"
    totals = json.loads(cifar("explain", run, "--json").out)["totals"]
    assert (totals["parameters"], totals["unused_parameters"]) == (summary["parameters"], 0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_datasets_facts_fit_each_other(name: str) -> None:
    facts = DATASETS[name]
    assert len(facts.mean) == len(facts.std) == facts.image_shape[0]
    assert facts.image_shape[1] == facts.image_shape[2]
    assert 1 < facts.num_classes < facts.train_images


# --- networks -------------------------------------------------------------------------------------------------------


def model_experiment(name: str, dataset: str = "cifar10", seed: int = 0) -> Experiment:
    keys = to_flow_yaml({"name": name, **MODELS[name].example})
    return load_text(f"seed: {seed}\ndata: {{name: {dataset}, val_size: 0}}\nmodel: {keys}\n", location="a test")


@pytest.fixture(params=BUILT_IN)
def model_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_images_of_any_dataset_give_a_score_for_each_class(model_name: str, dataset: str) -> None:
    facts = DATASETS[dataset]
    if MODELS[model_name].lists_layers and facts.num_classes != 10:
        pytest.skip("the layers of the example are for ten classes")
    model = build_model(model_experiment(model_name, dataset))
    assert model(torch.randn(5, *facts.image_shape)).shape == (5, facts.num_classes)


# A softmax does not change if the same number is added to all scores: only rounding gives this bias a gradient.
WITHOUT_EFFECT = {"score.bias"}


def test_the_loss_reaches_every_parameter(model_name: str) -> None:
    model = build_model(model_experiment(model_name))
    generator = torch.Generator().manual_seed(1)
    F.cross_entropy(model(torch.randn(8, 3, 32, 32, generator=generator)), torch.arange(8)).backward()
    still = {key for key, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    assert still <= WITHOUT_EFFECT


def test_a_seed_decides_the_weights_and_leaves_the_global_random_state_alone(model_name: str) -> None:
    def weights_of(seed: int) -> dict[str, torch.Tensor]:
        return build_model(model_experiment(model_name, seed=seed)).state_dict()

    torch.manual_seed(123)
    before = torch.get_rng_state()
    first = weights_of(5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(321)
    again, other = weights_of(5), weights_of(6)
    assert all(torch.equal(first[key], again[key]) for key in first)
    weights = [key for key in first if key.endswith("weight") and "norm" not in key]
    assert weights
    assert all(not torch.equal(first[key], other[key]) for key in weights)


def test_names_of_layers_are_the_names_in_the_state(model_name: str) -> None:
    model: nn.Module = build_model(model_experiment(model_name))
    for key, value in model.state_dict().items():
        layer, _, attribute = key.rpartition(".")
        assert getattr(model.get_submodule(layer), attribute).shape == value.shape
