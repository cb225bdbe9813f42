"""Self-checks that students run in the notebooks: ungraded, quick, and never an exception."""
