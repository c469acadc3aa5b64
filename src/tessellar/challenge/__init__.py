"""Results held against known truth: catalogues matched, challenges scored."""
