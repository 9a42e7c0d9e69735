"""The web server's pages, REST API and protocol."""
