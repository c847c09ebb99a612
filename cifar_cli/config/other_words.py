"""Other programs' words for the keys and the names of this one: those of PyTorch, Lightning, timm and transformers."""

# Words are compared without case, dashes and underscores: `early_stopping` and `EarlyStopping` are one.

KEYS = {
    "learning_rate": "optimizer.lr",
    "base_lr": "optimizer.lr",
    "wd": "optimizer.weight_decay",
    "opt": "optimizer.name",
    "llrd": "optimizer.layer_decay",
    "layer_wise_lr_decay": "optimizer.layer_decay",
    "layerwise_lr_decay": "optimizer.layer_decay",
    "lr_decay_by_layer": "optimizer.layer_decay",
    "num_epochs": "train.epochs",
    "max_epochs": "train.epochs",
    "n_epochs": "train.epochs",
    "early_stopping": "train.patience",
    "early_stop": "train.patience",
    "early_stopping_patience": "train.patience",
    "early_stop_patience": "train.patience",
    "microbatch": "train.micro_batch_size",
    "grad_clip": "train.clip_grad_norm",
    "clip_grad": "train.clip_grad_norm",
    "gradient_clip_val": "train.clip_grad_norm",
    "gradient_clipping": "train.clip_grad_norm",
    "max_grad_norm": "train.clip_grad_norm",
    "max_norm": "train.clip_grad_norm",
    "amp": "train.precision",
    "gpu": "train.device",
    "batch": "data.batch_size",
    "bs": "data.batch_size",
    "batchsize": "data.batch_size",
    "dataset": "data.name",
    "data_dir": "data.root",
    "arch": "model.name",
    "log_dir": "log.dir",
    "class_weight": "loss.class_weights",
    "pos_weight": "loss.class_weights",
    "smoothing": "loss.label_smoothing",
    "label_smooth": "loss.label_smoothing",
    "focal_gamma": "loss.gamma",
    "alpha": "loss.class_weights",
    "ema_decay": "average.decay",
    "model_ema_decay": "average.decay",
    "ema_warmup": "average.warmup",
    "t_0": "schedule.first_epochs",
    "t_mult": "schedule.multiplier",
    "step_size": "schedule.every_epochs",
    "decay_fraction": "schedule.cooldown_fraction",
    "aa": "data.augment.auto_augment",
    "ra": "data.augment.rand_augment",
    "random_augment": "data.augment.rand_augment",
    "trivial_augment_wide": "data.augment.trivial_augment",
    "reprob": "data.augment.random_erasing",
    "mixup_alpha": "data.augment.mixup",
    "cutmix_alpha": "data.augment.cutmix",
}
NAMES = {
    "reduce_lr_on_plateau": "schedule.name=plateau",
    "reduce_on_plateau": "schedule.name=plateau",
    "cosine_annealing_lr": "schedule.name=cosine",
    "cosine_annealing": "schedule.name=cosine",
    "cosine_annealing_warm_restarts": "schedule.name=cosine_restarts",
    "sgdr": "schedule.name=cosine_restarts",
    "step_lr": "schedule.name=step",
    "warmup_stable_decay": "schedule.name=wsd",
    "trapezoidal": "schedule.name=wsd",
    "trapezoid": "schedule.name=wsd",
    "poly": "schedule.name=polynomial",
    "focal_loss": "loss.name=focal",
    "sigmoid_focal_loss": "loss.name=focal",
    "ce": "loss.name=cross_entropy",
    "model_ema": "average.name=ema",
    "exponential_moving_average": "average.name=ema",
    "adaptive": "sharpness.name=asam",
}
"""What other programs call an entry of a table, or the switch that turns it on."""

OPTIONS = {
    "lr_find": "cifar train --find-lr",
    "auto_lr_find": "cifar train --find-lr",
    "find_lr": "cifar train --find-lr",
    "lr_finder": "cifar train --find-lr",
    "lr_range_test": "cifar train --find-lr",
    "resume": "cifar train --resume RUN",
    "ckpt_path": "cifar train --resume RUN",
    "seeds": "cifar train --seeds N",
    "num_seeds": "cifar train --seeds N",
}
"""What other programs have among their keys and this one among its options."""

ACCUMULATION_KEYS = (
    "accumulate",
    "accumulate_grad_batches",
    "gradient_accumulation",
    "gradient_accumulation_steps",
    "grad_accumulation_steps",
    "grad_accum",
    "grad_accum_steps",
    "accumulation_steps",
    "accum_iter",
    "micro_batches",
)
"""Words for the number of batches whose gradients are added up before a step."""


def plain(word: str) -> str:
    """Returns the word as it is compared."""
    return word.lower().replace("_", "").replace("-", "")


_KEYS = {plain(word): key for word, key in KEYS.items()}
_NAMES = {plain(word): override for word, override in NAMES.items()}
_OPTIONS = {plain(word): command for word, command in OPTIONS.items()}
_ACCUMULATION_KEYS = {plain(word) for word in ACCUMULATION_KEYS}


def key_called(word: str) -> str | None:
    """Returns the key that another program calls so, None for other words."""
    return _KEYS.get(plain(word))


def name_called(word: str) -> str | None:
    """Returns the override, such as `schedule.name=plateau`, for what another program calls so."""
    return _NAMES.get(plain(word))


def option_called(word: str) -> str | None:
    """Returns the command whose option another program calls so."""
    return _OPTIONS.get(plain(word))


def is_accumulation(word: str) -> bool:
    """Returns whether the word means batches whose gradients are added up."""
    return plain(word) in _ACCUMULATION_KEYS
