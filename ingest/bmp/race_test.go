//go:build race

package bmp_test

// raced: the race detector multiplies memory.
const raced = true
