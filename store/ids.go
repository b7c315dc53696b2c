package store

import (
	"crypto/rand"
	"strings"
)

// idLetters is how many random letters an ID has: 100 bits.
const idLetters = 20

// NewID makes an ID of ours: the prefix ("con", "bot", "ses", "out"), an underscore and 20 random letters and digits of base 32.
func NewID(prefix string) string {
	return prefix + "_" + strings.ToLower(rand.Text()[:idLetters])
}
