"""A fuzzer of every reader of outside bytes: whatever comes, it is read, or refused with an error of ours."""
