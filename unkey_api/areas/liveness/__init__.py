"""Whether the process serves requests. Owns nothing and depends on nothing, so that it cannot fail."""
