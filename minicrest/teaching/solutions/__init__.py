"""Inputs and solutions of the exercises, and what wrong answers are made of. They give the solutions away."""
