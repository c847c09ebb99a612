"""`python -m cifar_cli` is `cifar`."""

from cifar_cli.cli import main

if __name__ == "__main__":
    main()
