"""How this process is configured: one TOML file, environment variables on top, all problems reported at once.

Owns reading, defaults and rules. Never opens anything: each part of the service gets its own section and judges at
start whether what it points to is there. Secrets are `Secret` values and appear in no message.
"""
