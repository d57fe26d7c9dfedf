// Package neterror describes why a server cannot be reached, for the users of a program. It does
// not use the network itself.
package neterror
