// Package secrettest looks for secrets in what a program prints, exports or shows, in every form in which
// bytes get into print.
package secrettest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// Forbid demands that the text, which a program has made, holds no secret. Secrets go by what they are, in
// the errors.
func Forbid(t testing.TB, text string, secrets map[string]string) {
	t.Helper()
	for what, secret := range secrets {
		if len(secret) < 12 {
			t.Fatalf("the %s is too short to look for", what)
		}
		if form, at, found := Find(text, secret); found {
			t.Errorf("the %s shows, as %q: …%.200q", what, form, text[max(0, at-120):])
		}
	}
}

// Find returns the first form of the secret that stands in the text, and where.
func Find(text, secret string) (form string, at int, found bool) {
	for _, form := range forms(secret) {
		if at := strings.Index(text, form); at >= 0 {
			return form, at, true
		}
	}
	return "", 0, false
}

// forms are the ways in which bytes get into print.
func forms(secret string) []string {
	b := []byte(secret)
	all := []string{
		secret, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), strings.Trim(fmt.Sprint(b), "[]"),
		strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"),
	}
	// In base64 it may begin at any of three places; what its neighbours touch is cut off.
	for before, cut := range []int{0, 2, 3} {
		padded := append(make([]byte, before), b...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(padded)
			all = append(all, text[cut:len(text)-2])
		}
	}
	return all
}
