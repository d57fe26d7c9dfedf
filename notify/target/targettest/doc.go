// Package targettest has messages to hold targets to: North Korea's day of December 2014, and one whose names are as hostile as can be.
package targettest
