"""Registries kept elsewhere (a handbook's YAML, an export of an OKR tool), read by configuration: mappings.yml."""
