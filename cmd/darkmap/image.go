//go:build !embedded

package main

// A program without the embedded engine needs no library, and runs in an empty root: there are no
// time zones and no certificates of authorities but these. Where the system has some, those are
// used.
import (
	_ "time/tzdata"

	_ "golang.org/x/crypto/x509roots/fallback"
)
