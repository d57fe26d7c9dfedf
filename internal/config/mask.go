package config

import (
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Mask replaces a secret in texts.
const Mask = "*****"

var (
	// secretKey matches a key whose value may be a misplaced secret: only the secret's file or the
	// name of a variable belongs there.
	secretKey = regexp.MustCompile(`(?i)pass|pasw|pwd|secret|token|cred`)
	// userinfo matches the name and the password of a URL, even of one that was parsed as a path
	// and lost a slash.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://?)[^/?#\s"']*@`)
	// withPlace matches a key that names the place of a secret and holds none.
	withPlace = regexp.MustCompile(`\.(file|env)$`)
)

// WithoutSecrets masks the users and passwords of URLs in a text.
func WithoutSecrets(s string) string { return userinfo.ReplaceAllString(s, "${1}"+Mask+"@") }

// Masking returns a writer to w that masks the users and passwords of URLs. A URL must lie within
// one Write.
func Masking(w io.Writer) io.Writer { return masking{w} }

type masking struct{ w io.Writer }

// Write writes b, masked. On success it returns the length of b.
func (m masking) Write(b []byte) (int, error) {
	if !userinfo.Match(b) {
		return m.w.Write(b)
	}
	if _, err := m.w.Write(userinfo.ReplaceAll(b, []byte("${1}"+Mask+"@"))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Masked returns the value of a key in a form that messages may show.
func Masked(key, value string) string {
	if secretKey.MatchString(key) && !withPlace.MatchString(key) && value != "" {
		return Mask
	}
	return WithoutSecrets(value)
}

// withoutMisplaced masks in text the values that the document n has in place of a Secret of dst:
// only its file or the name of a variable belongs there.
func withoutMisplaced(text string, dst any, n *yaml.Node) string {
	hide := func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Value != "" {
			text = strings.ReplaceAll(text, n.Value, Mask)
		}
	}
	each(n, reflect.TypeOf(dst), "", func(n *yaml.Node, t reflect.Type, _ string) {
		if t != reflect.TypeFor[Secret]() {
			return
		}
		hide(n)
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if key := n.Content[i].Value; key != "file" && key != "env" {
				hide(n.Content[i+1])
			}
		}
	})
	return text
}
