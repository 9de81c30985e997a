"""The conformance kit for plugin authors: facts that must hold of a component, each checked and named."""
