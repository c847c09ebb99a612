"""The tutorials: each lesson is a program in one file, to be read from top to bottom."""
