package target

import (
	"strings"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// quoteSize bounds the part of an answer that an error repeats.
var quoteSize = plaintext.Size{Graphemes: 200, Octets: 800}

// Quote returns the part of a server's answer that an error may repeat: one line of at most 200
// graphemes. It masks the secrets in it, because some servers repeat the request.
func Quote(answer string, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			answer = strings.ReplaceAll(answer, s, config.Mask)
		}
	}
	return quoteSize.Cut(plaintext.Clean(answer))
}
