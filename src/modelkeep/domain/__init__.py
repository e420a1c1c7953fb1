"""The nouns of a model registry and their rules: pure, standard library only, no I/O and no clock."""
