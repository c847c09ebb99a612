"""The network that comes along: its weights, its card, and the page of the manual about it."""
