collect_ignore = ["jobs"]  # programs that import a peer at once
