"""Walks through a network as it runs, and says of each layer what it does, costs and sees."""
