"""The artifact store: content-addressed folders, the locks on them, and the results of cells. No torch, no Hydra."""
