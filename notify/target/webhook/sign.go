package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The lengths of keys, in octets (Standard Webhooks, Signature scheme).
const (
	minKey = 24
	maxKey = 64
)

// errSecret contains nothing of the secret.
var errSecret = errors.New(`want "whsec_" and 24 to 64 octets in base64`)

// readKey decodes a secret.
func readKey(secret string) ([]byte, error) {
	text, ok := strings.CutPrefix(strings.TrimSpace(secret), "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, errSecret
	}
	return key, nil
}

// sign makes the header webhook-signature: one signature for each key.
func sign(keys [][]byte, id string, at time.Time, body []byte) string {
	all := make([]string, len(keys))
	for i, key := range keys {
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.", id, seconds(at)) // a hash returns no error
		_, _ = mac.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}

// seconds formats a time for webhook-timestamp.
func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
