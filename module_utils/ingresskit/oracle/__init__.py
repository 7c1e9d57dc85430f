"""From stack, controller and request to the expected answer. Pure."""
