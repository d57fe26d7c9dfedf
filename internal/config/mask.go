package config

import "regexp"

// Mask stands in texts for a secret.
const Mask = "*****"

var (
	// secretKey is a key whose value may be a secret that somebody wrote in the wrong place: only its file or the name of a variable
	// belongs there.
	secretKey = regexp.MustCompile(`(?i)pass|pasw|pwd|secret|token|cred`)
	// userinfo is the name and the password of a URL.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s"']*@`)
	// withPlace is a key that says where a secret is, and is none.
	withPlace = regexp.MustCompile(`\.(file|env)$`)
)

// WithoutSecrets returns a text whose URLs show neither user nor password.
func WithoutSecrets(s string) string { return userinfo.ReplaceAllString(s, "${1}"+Mask+"@") }

// Masked is the value of a key as messages may show it.
func Masked(key, value string) string {
	if secretKey.MatchString(key) && !withPlace.MatchString(key) && value != "" {
		return Mask
	}
	return WithoutSecrets(value)
}
