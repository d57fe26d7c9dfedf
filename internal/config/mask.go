package config

import (
	"io"
	"regexp"
)

// Mask stands in texts for a secret.
const Mask = "*****"

var (
	// secretKey is a key whose value may be a secret that somebody wrote in the wrong place: only its file or the name of a variable
	// belongs there.
	secretKey = regexp.MustCompile(`(?i)pass|pasw|pwd|secret|token|cred`)
	// userinfo is the name and the password of a URL, also of one that was taken for a path and lost a slash.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://?)[^/?#\s"']*@`)
	// withPlace is a key that says where a secret is, and is none.
	withPlace = regexp.MustCompile(`\.(file|env)$`)
)

// WithoutSecrets returns a text whose URLs show neither user nor password.
func WithoutSecrets(s string) string { return userinfo.ReplaceAllString(s, "${1}"+Mask+"@") }

// Masking returns a writer to w that shows neither user nor password of the URLs in what is written to it. A URL has to be within one Write.
func Masking(w io.Writer) io.Writer { return masking{w} }

type masking struct{ w io.Writer }

// Write writes b. The count is of b where all of it is written.
func (m masking) Write(b []byte) (int, error) {
	if !userinfo.Match(b) {
		return m.w.Write(b)
	}
	if _, err := m.w.Write(userinfo.ReplaceAll(b, []byte("${1}"+Mask+"@"))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Masked is the value of a key as messages may show it.
func Masked(key, value string) string {
	if secretKey.MatchString(key) && !withPlace.MatchString(key) && value != "" {
		return Mask
	}
	return WithoutSecrets(value)
}
