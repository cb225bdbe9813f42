"""Tests of the course: a folder a package, notebooks, the command line from end to end, sample submissions."""
