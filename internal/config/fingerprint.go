package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// Fingerprint returns a hash that differs between configurations, and between contents of the
// secrets that they name. It does not reveal a secret. An unreadable secret counts as none.
func Fingerprint(cfg any) (string, error) {
	h := sha256.New()
	b, err := yaml.Marshal(cfg)
	if err != nil {
		return "", fmt.Errorf("writing configuration: %w", err)
	}
	h.Write(b)
	walk(place{value: reflect.ValueOf(cfg).Elem()}, func(p place) {
		if s, ok := reflect.TypeAssert[Secret](p.value); ok {
			v, err := s.Read()
			fmt.Fprintf(h, "%s %t %d %s\n", p.key, err == nil, len(v), v) // a hash never fails
		}
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}
