"""torch's optimizers without the import of torch.compile's front end.

torch wraps the methods of its optimizers to keep torch.compile out of them. At the first call, each wrapper imports
torch._dynamo, which takes as long as the import of torch itself. This program never compiles an optimizer, so the
methods are taken out of their wrappers. They compute the same.
"""

import inspect

import torch
from torch import Tensor


class EagerOptimizer(torch.optim.Optimizer):
    """The base of all optimizers here: torch's, with the methods that are not to be compiled out of their wrappers."""

    unclipped_norm: Tensor | None = None
    """The norm of the last step's gradients before they were clipped, (); None where gradients are not clipped."""

    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)


class SGD(EagerOptimizer, torch.optim.SGD):
    """torch.optim.SGD."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))


class Adam(EagerOptimizer, torch.optim.Adam):
    """torch.optim.Adam."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class AdamW(EagerOptimizer, torch.optim.AdamW):
    """torch.optim.AdamW."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
