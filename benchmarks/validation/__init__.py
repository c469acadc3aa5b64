"""How good the results are: catalogues held against skies of known truth, and against those of a peer."""
