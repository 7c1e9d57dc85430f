"""What the toolkit remembers in the cluster between runs: the release record."""
