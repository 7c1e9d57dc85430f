"""Generated from galaxy.yml by `make generate`; `make release VERSION=…` changes it there."""

VERSION = "0.1.0"
