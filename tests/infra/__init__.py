"""What carries the rest: the embedded servers, the child processes, the commands of the Makefile."""
