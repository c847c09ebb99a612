"""Inspects a loaded network for `cifar visualize-layer` and `cifar explain`: analyses and draws its layers."""
