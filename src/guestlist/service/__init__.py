"""The service: messages in by HTTP, spaces kept right on time, one process for both."""
