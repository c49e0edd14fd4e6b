"""How good a model is: measures, and the simpler models that it must beat."""
