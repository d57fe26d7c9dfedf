//go:build !race

package bmp_test

const raced = false
