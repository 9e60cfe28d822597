"""The JSON API: every operation as a route, who may call it, and how errors and repeated writes are answered."""
