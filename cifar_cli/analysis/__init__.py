"""Looks inside a network: traces, receptive fields, worked numbers, Grad-CAM. Computes on modules and tensors."""
