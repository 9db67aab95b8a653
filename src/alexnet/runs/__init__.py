"""One training, from recipe to result: prepare, fit, finish, and the run folder."""
