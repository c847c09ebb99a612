"""From a first convolution to a trustworthy CIFAR-10 result, from one command line."""

__version__ = "0.1.0"
