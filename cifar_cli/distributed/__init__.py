"""Training of one network by several processes: process group, sharded forward pass, shared BatchNorm."""
