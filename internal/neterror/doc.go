// Package neterror says in words why a server cannot be reached, for people who did not write the program that asks it. It does nothing
// on the network itself.
package neterror
