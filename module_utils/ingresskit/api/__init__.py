"""The only code that talks to the API server: raw JSON over one connection pool, every call counted and retried."""
