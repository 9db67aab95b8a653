"""Fitting the support vector machines of the hand-crafted systems: convex problems, solved to a measured distance from their optimum."""
