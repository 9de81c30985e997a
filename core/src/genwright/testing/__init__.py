"""The conformance kit for plugin authors: classes of tests to inherit."""
