"""HTML pages and fragments, in the same rooms as the domain."""
