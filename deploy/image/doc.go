// Package image holds the image of the stages: a Dockerfile FROM scratch, and the user in it. Its
// tests look at the program that `make image` puts there. Nothing of it is linked into the program.
package image
