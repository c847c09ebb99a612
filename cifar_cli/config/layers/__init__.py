"""The layer types of torch.nn that a configuration may list: arguments and shapes."""
