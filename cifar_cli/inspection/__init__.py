"""Looks at a loaded network for `cifar visualize-layer` and `cifar explain`: its layers analysed, drawn, worked out."""
