package config

import (
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
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

// withoutMisplaced masks in text what the document n writes out in the place of a Secret of dst: only its file or the name of a variable
// belongs there.
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
