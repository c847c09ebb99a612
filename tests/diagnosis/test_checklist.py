"""The table of checks: names, order, and the checks that are made only when asked."""

from itertools import groupby

from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.diagnosis.checklist import checklist


def test_names_are_unique_sections_are_together_and_what_is_needed_comes_first() -> None:
    checks = checklist(with_mirrors=True)
    names = [check.name for check in checks]
    assert len(set(names)) == len(names)
    sections = [section for section, _ in groupby(check.section for check in checks)]
    assert len(set(sections)) == len(sections)
    assert [check.name for number, check in enumerate(checks) if check.needs not in ["", *names[:number]]] == []


def test_every_dataset_is_examined_and_servers_only_when_asked() -> None:
    names = {check.name for check in checklist(with_mirrors=False)}
    assert set(DATASETS) <= names
    mirrors = {check.name for check in checklist(with_mirrors=True)} - names
    assert mirrors == {"of cifar10", "of cifar100", "of fashion_mnist"}
