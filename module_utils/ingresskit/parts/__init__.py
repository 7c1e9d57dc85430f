"""Parts of a stack, for people who compose their own plays: what each single module brings. Pure."""
