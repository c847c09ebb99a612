"""The same mathematics faster: Winograd, packed weight gradients, CUDA graphs, the memory allocator."""
