"""What customers ask for: one package per published area, under the name its protos have."""
