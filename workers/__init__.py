"""The back room: the doorbell, the workers that answer it, the clock that rings it. Knows no Flask."""
