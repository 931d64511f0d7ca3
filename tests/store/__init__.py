"""The store on a real PostgreSQL, beyond its port: migrations, vault, codec, rotation, failures."""
