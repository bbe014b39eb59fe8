"""Tests of the client, against a real server and against the cases that the clients of all languages share."""
