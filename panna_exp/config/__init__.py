"""Configuration: the schema, its validation, and composing it with Hydra."""
