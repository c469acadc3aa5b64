"""Networks as kernels: what they look like, how far they see, where their weights come from, how they are run."""
