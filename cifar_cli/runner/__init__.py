"""Does the long work of `cifar train` and `cifar eval`: starts, resumes, repeats, plans and evaluates trainings."""
