"""Answers `cifar visualize-layer`: chooses images and layers, has them analysed and drawn."""
