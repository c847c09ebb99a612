"""Whole configurations: their experiments, and all mistakes reported at once."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import subprocess
import sys
from pathlib import Path

import pytest

from cifar_cli.config import Experiment, load, load_text
from cifar_cli.config.config_files import builtins
from cifar_cli.config.schema import CHOICES
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.errors import ConfigError
from cifar_cli.models.table import MODELS, MlpKeys, SequentialKeys
from cifar_cli.optim.schedules.table import SCHEDULES

MLP = "model: {name: mlp}\n"


def refusals(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, location="x.yaml")
    return list(caught.value.issues)


@pytest.mark.parametrize("name", builtins())
def test_every_built_in_configuration_loads(name: str) -> None:
    assert load(name).name == name.rpartition("/")[2]


@pytest.mark.parametrize(
    ("name", "layer"), [("conv1", "Conv2d"), ("maxpool", "MaxPool2d"), ("relu", "ReLU"), ("sigmoid", "Sigmoid")]
)
def test_the_one_layer_configurations_hold_the_tutorials_layer(name: str, layer: str) -> None:
    experiment = load(f"layers/{name}")
    assert isinstance(experiment.model, SequentialKeys)
    assert [(layer.name, layer.type) for layer in experiment.model.layers] == [(name, layer)]
    # The tutorials' images are in [0, 1], in batches of 64.
    assert not experiment.data.normalize
    assert experiment.data.batch_size == 64


def test_missing_keys_have_the_documented_defaults() -> None:
    experiment = load_text(MLP, location="x.yaml")
    assert experiment == Experiment(model=MlpKeys())
    assert experiment.optimizer == CHOICES["optimizer"].keys_of("sgd")(
        lr=0.01, momentum=0.0, nesterov=False, weight_decay=0.0
    )
    assert (experiment.data.name, experiment.data.batch_size, experiment.data.val_size) == ("cifar10", 64, 5000)
    assert (experiment.schedule.name, experiment.train.epochs, experiment.log.dir) == ("constant", 10, "logs")


def test_an_empty_section_means_its_defaults() -> None:
    assert load_text(MLP + "data:\noptimizer: null\ninit: null\n", location="x.yaml") == Experiment(model=MlpKeys())


def test_one_hidden_width_needs_no_list() -> None:
    assert load_text("model: {name: mlp, hidden: 32}", location="x.yaml").model == MlpKeys(hidden=(32,))


def test_a_whole_number_is_accepted_for_a_number() -> None:
    assert load_text(MLP + "optimizer: {lr: 1}", location="x.yaml").optimizer.lr == 1.0


def test_an_experiment_has_its_files_name_unless_it_says_another(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(MLP)
    assert load(path).name == "mine"
    assert load(path, ["name=other"]).name == "other"
    odd = tmp_path / "not a name.yaml"
    odd.write_text(MLP)
    assert load(odd).name == "experiment"


def test_an_experiment_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_text(MLP, location="x.yaml").seed = 3  # type: ignore[misc]


def test_every_mistake_is_reported_at_once_from_top_to_bottom() -> None:
    text = """\
name: bad name
seed: -1
data:
  nam: cifar10
  batch_size: 1e-3
  val_size: 50000
  augment: {flip: on, translate: 20}
  batch_size: 3
model:
  layers:
    - conv1: {type: Conv2d, out_channels: 8, kernel_size: 3}
    - relu: ReLU
    - relu: ReLU
    - fc: {type: Linear, out_features: ten}
optimizer: {name: sgd, lr: fast, nesterov: true}
schedule: {name: cosin}
train: {epochs: 3.5, precision: fp61}
log: [1]
lod: 3
"""
    assert refusals(text) == [
        "x.yaml:1:7: name: expected 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit, "
        "found 'bad name'; write for example experiment",
        "x.yaml:2:7: seed: expected a whole number, 0 or more and below 2**63, found -1; write for example 0",
        "x.yaml:4:3: data.nam: unknown key; did you mean 'name'?",
        "x.yaml:5:15: data.batch_size: expected a whole number of images, at least 1, found 0.001; "
        "write for example 64",
        "x.yaml:6:13: data.val_size: expected fewer than the 50000 training images of cifar10, found 50000; "
        "write for example 5000",
        "x.yaml:7:19: data.augment.flip: expected one of random, alternating, or null for none, found 'on'; "
        "write for example random",
        "x.yaml:7:34: data.augment.translate: expected at most half of the image's 32 pixels, 16, found 20; write 4",
        "x.yaml:8:3: data.batch_size: the key is given twice, first on line 5; keep one of the two",
        "x.yaml:13:7: model.layers.relu: the name is given twice, first on line 12; give every layer its own name",
        "x.yaml:14:40: model.layers.fc.out_features: expected a whole number, at least 1, found 'ten'; "
        "write for example 32",
        "x.yaml:15:28: optimizer.lr: expected a number above 0, found 'fast'; write for example 0.01",
        "x.yaml:15:44: optimizer.nesterov: expected a momentum above 0 with nesterov: true, found 0; "
        "write for example momentum: 0.9",
        f"x.yaml:16:18: schedule.name: expected one of {', '.join(SCHEDULES)}, found 'cosin'; did you mean 'cosine'?",
        "x.yaml:17:17: train.epochs: expected a whole number, at least 1, found 3.5; write for example 10",
        "x.yaml:17:33: train.precision: expected one of auto, fp32, bf16, fp16, found 'fp61'; did you mean 'fp16'?",
        "x.yaml:18:6: log: expected keys with values, found [1]; write for example {dir: logs}",
        "x.yaml:19:1: lod: unknown key; did you mean 'log'?",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1\n", "x.yaml:1:1: model.layers: expected a list of layers, at least one, found nothing; write for example - conv1: {type: Conv2d, out_channels: 32, kernel_size: 3}"),
        ("model: {name: qqq}\n", f"x.yaml:1:15: model.name: expected one of {', '.join(MODELS)}, found 'qqq'; write for example sequential"),
        ("model: mlp\n", "x.yaml:1:8: model: expected keys with values, found 'mlp'; write model: {name: mlp}"),
        ("model: {name: mlp, hidden: [8, 0]}\n", "x.yaml:1:32: model.hidden.1: expected the widths of the hidden layers, each a whole number, at least 1, found 0; write for example [256]"),
        ("model: {name: cnn, widths: []}\n", "x.yaml:1:28: model.widths: expected the channels of the blocks, at least one, each a whole number, at least 1, found []; write for example [64, 128, 256]"),
        (MLP + "name: 3\n", "x.yaml:2:7: name: expected text, found 3; write '3' in quotes"),
        (MLP + "seed:\n", "x.yaml:2:6: seed: expected a whole number, 0 or more and below 2**63, found nothing; write for example 0"),
        (MLP + "seed: true\n", "x.yaml:2:7: seed: expected a whole number, 0 or more and below 2**63, found true; write for example 0"),
        (MLP + f"seed: {2**63}\n", f"x.yaml:2:7: seed: expected a whole number, 0 or more and below 2**63, found {2**63}; write for example 0"),
        (MLP + "optimizer: {lr: .nan}\n", "x.yaml:2:17: optimizer.lr: expected a number above 0, found nan; write for example 0.01"),
        (MLP + "optimizer: {lr: 1e999}\n", "x.yaml:2:17: optimizer.lr: expected a number above 0, found inf; write for example 0.01"),
        (MLP + "optimizer: {name: adam, betas: [0.9]}\n", "x.yaml:2:32: optimizer.betas: expected a list of two numbers from 0 to below 1, found [0.9]; write for example [0.9, 0.999]"),
        (MLP + "optimizer: {name: adam, nesterov: true}\n", "x.yaml:2:25: optimizer.nesterov: adam has no such key, but sgd and muon have; the keys here are name, lr, weight_decay, decay_norm_and_bias, layer_decay, betas, eps, groups"),
        (MLP + "data: {name: cifar-10}\n", f"x.yaml:2:14: data.name: expected one of {', '.join(DATASETS)}, found 'cifar-10'; did you mean 'cifar10'?"),
        (MLP + "data: {drop_last: no}\n", "x.yaml:2:19: data.drop_last: expected true or false, found 'no'; write for example false"),
        (MLP + "data: {mirrors: [ftp://x/y]}\n", "x.yaml:2:18: data.mirrors.0: expected a list of addresses that begin with http:// or https://, found 'ftp://x/y'; write for example [\"https://example.org/cifar-10-python.tar.gz\"]"),
        (MLP + "data: {drop_last: true, batch_size: 45001}\n", "x.yaml:2:37: data.batch_size: expected at most the 45000 training images, as drop_last is true, found 45001; write for example 64"),
        ("model: {name: cnn, widths: [8, 8, 8, 8, 8, 8]}\n", "x.yaml:1:28: model.widths: expected at most 5 blocks, as each halves the image's 32 pixels, found 6; write at most 5 widths"),
        ("model: {name: vit_tiny, heads: 5}\n", "x.yaml:1:32: model.heads: expected a divisor of the width 192, as heads share it, found 5; write for example 4"),
        ("model: {name: vit_tiny, patch_size: 5}\n", "x.yaml:1:37: model.patch_size: expected a divisor of the image's 32 pixels, found 5; write for example 4"),
        ("model: {name: convmixer, patch_size: 40}\n", "x.yaml:1:15: model.name: expected a model for images of 32×32 pixels, found convmixer, which needs 40; write model: {name: cnn}"),
        ("model: {name: shufflenet_v2, width: 7}\n", "x.yaml:1:37: model.width: expected an even number of channels, at least 2, found 7; write for example 116"),
        ("model: {name: vit_tiny}\ndata: {augment: {sizes: [24]}}\n", "x.yaml:2:25: data.augment.sizes: expected a model that takes pictures of any size, found vit_tiny, made for 32 pixels; leave it out, or write model: {name: cnn}"),
        (MLP + "data: {augment: {rand_augment: [2, 31]}}\n", "x.yaml:2:36: data.augment.rand_augment.1: expected a list of two whole numbers, the operations and the magnitude from 0 to 30, or null, found 31; write for example [2, 9]"),
        ("model: {name: densenet121}\ndata: {augment: {sizes: [4]}}\n", "x.yaml:2:26: data.augment.sizes.0: expected at least the 8 pixels that leave one after all poolings, found 4; write 8"),
        (MLP + "data: {name: fashion_mnist, augment: {cutout: 29}}\n", "x.yaml:2:47: data.augment.cutout: expected at most the image's 28 pixels, found 29; write 8"),
        (MLP + "train: {device: cuda0}\n", "x.yaml:2:17: train.device: expected one of auto, cpu, cuda, cuda:N, mps, found 'cuda0'; write for example auto"),
        (MLP + "optimizer: sgd\n", "x.yaml:2:12: optimizer: expected keys with values, found 'sgd'; write optimizer: {name: sgd}"),
        (MLP + "optimizer: {name: sgdd, groups: [{parameters: '*'}]}\n", "x.yaml:2:19: optimizer.name: expected one of sgd, adam, adamw, muon, found 'sgdd'; did you mean 'sgd'?"),
        ("model: {layers: [a: {type: ReLU, in_place: true}]}\n", "x.yaml:1:34: model.layers.a.in_place: ReLU has no such argument; did you mean 'inplace'?"),
        ("model: {layers: [a: {type: Tanh, p: 1}]}\n", "x.yaml:1:34: model.layers.a.p: Tanh takes no arguments; leave it out"),
        (MLP + "train: {clip_grad_norm: 0}\n", "x.yaml:2:25: train.clip_grad_norm: expected a number above 0, or null for none, found 0; write for example 1.0"),
        (MLP + "schedule: {warmup_epochs: 10}\n", "x.yaml:2:27: schedule.warmup_epochs: expected fewer than the 10 epochs of train.epochs, found 10; set schedule.warmup_epochs to 0"),
        (MLP + "schedule: {name: plateau}\ndata: {val_size: 0}\n", "x.yaml:3:18: data.val_size: expected images held out, as the schedule plateau follows their results, found 0; write for example 5000"),
        (MLP + "schedule: {name: one_cycle, peak_at: 1}\n", "x.yaml:2:38: schedule.peak_at: expected a fraction of the training between 0 and 1, found 1; write for example 0.3"),
        ("model: {layers: [conv1: {type: Conv2d, out_channels: 4, kernel_size: 3}]}\nlog: {feature_layers: [cnv1]}\n", "x.yaml:2:24: log.feature_layers.0: no layer is named 'cnv1'; did you mean 'conv1'?"),
        ("model: {layers: [relu: ReLU]}\nlog: {feature_layers: [xyz]}\n", "x.yaml:2:24: log.feature_layers.0: no layer is named 'xyz'; the layers are relu"),
        ("model:\n  layers:\n    - flatten: Flatten\n    - fc1: {type: Linear, in_features: 512, out_features: 10}\n", "x.yaml:4:40: model.layers.fc1.in_features: expected 3072 (flatten gives 3×32×32 = 3072), found 512; write in_features: 3072, or leave it out"),
        ("data: {name: fashion_mnist}\nmodel:\n  layers:\n    - fc1: {type: Linear, out_features: 10}\n", "x.yaml:4:7: model.layers.fc1: Linear expected one row of numbers per image, found 1×28×28 (the images are 1×28×28); add `- flatten: Flatten` before it"),
        (MLP + "data: {augment: {sizes: [24]}}\n", "x.yaml:2:25: data.augment.sizes: expected a model that takes pictures of any size, found mlp, made for 32 pixels; leave it out, or write model: {name: cnn}"),
        ("model: {name: cnn}\ndata: {augment: {sizes: [24, 40]}}\n", "x.yaml:2:30: data.augment.sizes.1: expected at most the image's 32 pixels, found 40; write 32"),
        (MLP + "data: {hard_example_fractions: [0.5, 1]}\n", "x.yaml:2:33: data.hard_example_fractions.0: expected 1, as no loss is known before the first epoch, found 0.5; write 1 before it"),
        (MLP + "data: {hard_example_fractions: [1, 0]}\n", "x.yaml:2:36: data.hard_example_fractions.1: expected a list of fractions of the training images, above 0 and at most 1, one for each epoch, the last for all after it, found 0; write for example [1, 1, 1, 1, 0.65]"),
        (MLP + "data: {drop_last: true, batch_size: 22501, hard_example_fractions: [1, 0.5]}\n", "x.yaml:2:37: data.batch_size: expected at most the 22500 training images of the smallest epoch, as drop_last is true, found 22501; write for example 64"),
        ("model: {name: speednet}\ndata: {augment: {sizes: [8]}}\n", "x.yaml:2:26: data.augment.sizes.0: expected at least the 9 pixels that leave one after all poolings, found 8; write 9"),
    ],
)  # fmt: skip
def test_a_single_mistake_gives_a_single_message(text: str, words: str) -> None:
    assert refusals(text) == [words]


def test_keys_that_depend_on_a_mistake_are_not_checked() -> None:
    # Ten epochs would be the default; whether warmup_epochs is right depends on what was meant.
    (only,) = refusals(MLP + "train: {epochs: many}\nschedule: {warmup_epochs: 12}\n")
    assert "train.epochs" in only


def test_layers_after_one_with_mistakes_are_checked_for_all_but_their_shapes() -> None:
    issues = refusals("""\
model:
  layers:
    - pool: {type: MaxPool2d}
    - fc: {type: Linear, out_features: 10}
    - drop: {type: Dropout, p: 2}
""")
    assert [issue.split(": ")[1] for issue in issues] == ["model.layers.pool.kernel_size", "model.layers.drop.p"]


def test_configurations_are_checked_without_torch() -> None:
    program = (
        "import sys; from cifar_cli.commands.config import validate; validate(['sequential']);"
        "print(sorted({'torch', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_fractions_of_epochs_after_the_last_are_not_checked() -> None:
    keys = "data: {drop_last: true, batch_size: 22501, hard_example_fractions: [1, 0.5]}\ntrain: {epochs: 1}\n"
    assert load_text(MLP + keys, location="x.yaml").data.hard_example_fractions == (1, 0.5)


@pytest.mark.parametrize("config", ["sequential", "cnn"])
def test_a_model_that_does_not_exist_is_the_only_mistake(config: str) -> None:
    """Its layers are unknown, so nothing can be said of log.feature_layers."""
    with pytest.raises(ConfigError) as caught:
        load(config, ["model.name=qqq"])
    (issue,) = caught.value.issues
    assert issue.startswith("command line: model.name: expected one of ")


def test_a_folder_as_the_name_of_a_dataset_is_told_how_a_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my photos").mkdir()
    (tmp_path / "x.yaml").write_text("data: {name: my photos}\nmodel: {name: mlp}\n")
    mends = []
    for name, words in (("mlp", ["data.name=my photos"]), ("x.yaml", [])):
        with pytest.raises(ConfigError) as told:
            load(name, words)
        mends.append(str(told.value).rpartition("; ")[2])
    assert mends == [
        "for images of your own, write data.name=folder 'data.root=my photos'",
        "for images of your own, write name: folder, and root: my photos",
    ]
