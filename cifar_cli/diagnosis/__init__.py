"""Examines what a training needs on this machine, for `cifar doctor`. No module imports torch when it is imported."""
