// Package ptytest gives tests a terminal: a pseudo-terminal of the kernel, in which a program runs.
package ptytest
