// Package targettest has messages for tests of targets: North Korea's day of December 2014, and a
// message with names that are as hostile as possible.
package targettest
