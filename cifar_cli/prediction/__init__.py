"""Answers `cifar predict`: finds the pictures, and asks a network about them."""
