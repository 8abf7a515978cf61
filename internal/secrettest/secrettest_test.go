package secrettest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/internal/secrettest"
)

// A look that finds nothing says nothing: here it finds.
func TestASecretIsFoundInEveryForm(t *testing.T) {
	const secret = "TOKENplantedTOKEN"
	asJSON, err := json.Marshal(struct{ B []byte }{[]byte("--" + secret)})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprint([]byte(secret)), fmt.Sprintf("%#v", []byte(secret)),
		string(asJSON), base64.URLEncoding.EncodeToString([]byte("-" + secret + "-")),
	} {
		if _, at, found := secrettest.Find("before "+text+" after", secret); !found || at < len("before ") {
			t.Errorf("not found in %s: %d, %v", text, at, found)
		}
	}
	if form, _, found := secrettest.Find("TOKENplanted", secret); found {
		t.Errorf("found as %q where it is not", form)
	}
}
