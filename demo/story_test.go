package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/testenv"
)

func TestTheStoryEndsWell(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: users work for seconds")
	}
	for name, opts := range map[string][]testenv.Option{"the nodes at hand": nil, "embedded nodes": {testenv.Embedded()}} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := tell(t.Context(), &out, t, opts...); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			if !strings.Contains(out.String(), "Nothing was lost") {
				t.Error(out.String())
			}
		})
	}
}
