// Package release holds the scripts behind `make release`: check refuses what must not be released,
// deb makes the Debian package, sbom writes which modules a program is made of, and release makes
// all files. docs/release.md describes them. Nothing of it is linked into the program.
package release
