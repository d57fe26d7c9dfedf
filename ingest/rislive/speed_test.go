package rislive_test

func speedChild() bool { return false }
