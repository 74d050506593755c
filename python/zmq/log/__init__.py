"""Logging over sockets: a handler that publishes records, and a program that shows them."""
