"""Augmentations on batches of tensors."""
