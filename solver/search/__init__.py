"""Program search: the root pass, fitted steps, stacking, the tree, and the source that joins them."""
