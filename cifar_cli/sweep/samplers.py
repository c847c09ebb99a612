"""Optuna's samplers and pruners, as `cifar sweep` uses them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

REDUCTION_FACTOR = 3  # of the trials that reach an epoch, a third goes on: Li et al. 2018 (Hyperband) use 3 or 4

Make = Callable[[int], BaseSampler]
# TPE takes its first ten values at random, then those whose neighbours were good: Bergstra et al. 2011.
_MAKERS: Mapping[str, Make] = {
    "tpe": lambda seed: TPESampler(seed=seed, multivariate=False),
    "random": lambda seed: RandomSampler(seed=seed),
}


def make_sampler(name: str, *, seed: int, combinations: Sequence[Mapping[str, str | int]]) -> BaseSampler:
    """Returns a sampler. combinations: of `grid`, the values of each trial by its number."""
    return GridByNumber(combinations) if name == "grid" else SeededByTrial(_MAKERS[name], seed=seed)


def make_pruner(name: str, *, epochs: int) -> BasePruner:
    """Returns a pruner that compares the validation accuracies of trials after the same number of epochs."""
    if name == "asha":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION_FACTOR)
    if name == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=REDUCTION_FACTOR)
    return NopPruner()


class SeededByTrial(BaseSampler):
    """Draws the values of each trial from a seed of its own.

    So the values depend on the seed, the trial's number and the trials before, and not on how often the sweep was
    stopped and resumed. A sampler that goes on drawing would begin its sequence again with every resumption.
    """

    def __init__(self, make: Make, *, seed: int) -> None:
        self._make = make
        self._seed = seed
        self._number: int | None = None

    def _sampler_of(self, trial: FrozenTrial) -> BaseSampler:
        if trial.number != self._number:
            self._number = trial.number
            self._sampler = self._make(int(np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0]))
        return self._sampler

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler_of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler_of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._sampler_of(trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._sampler_of(trial).after_trial(study, trial, state, values)


class GridByNumber(BaseSampler):
    """Gives each trial the combination of its number. Optuna's own grid draws among those that no trial has begun."""

    def __init__(self, combinations: Sequence[Mapping[str, str | int]]) -> None:
        self._combinations = combinations

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._combinations[trial.number % len(self._combinations)][param_name]
