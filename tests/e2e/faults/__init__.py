"""The service when something stops, breaks or goes away."""
