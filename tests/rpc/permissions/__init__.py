"""Published behaviour of permissions and roles."""
