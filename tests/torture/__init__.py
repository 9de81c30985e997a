"""What a store must survive, done to it many times: each file is a kind of fault, used by the tests and `make torture`."""
