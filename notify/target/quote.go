package target

import (
	"strings"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/plaintext"
)

// quoteSize bounds what an error repeats of an answer.
var quoteSize = plaintext.Size{Graphemes: 200, Octets: 800}

// Quote is what an error may repeat of a server's answer: one line of at most 200 graphemes, in which the secrets that the server was told
// are masked, because some servers repeat what they refuse.
func Quote(answer string, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			answer = strings.ReplaceAll(answer, s, config.Mask)
		}
	}
	return quoteSize.Cut(plaintext.Clean(answer))
}
