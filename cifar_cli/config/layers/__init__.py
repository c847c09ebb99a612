"""torch.nn's layers by name: arguments and shapes."""
