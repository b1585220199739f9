"""The company directory: typed models of its files, their loader, and their way into the lake."""
