"""Programs that are measured as whole processes. Each prints the test accuracy it reached."""
