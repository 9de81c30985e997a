"""What a store must survive, done to it many times. Each file is a kind of fault, for the tests and `make torture`."""
