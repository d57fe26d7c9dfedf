// Package text is the one table of escapes: how a name that a stranger wrote (an AS name, a sysName, a community) is put into a message of each
// protocol so that it stays a name.
package text
