"""Module names that models registered by ck19ml 0.1.0 give as their loaders."""
