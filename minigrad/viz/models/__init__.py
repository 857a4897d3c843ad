"""Pictures of models: what a model did in one call, as layers."""
