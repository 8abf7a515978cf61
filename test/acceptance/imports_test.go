package acceptance

import (
	"os/exec"
	"strings"
	"testing"
)

// The packages depend on each other in one direction, and on no more than they need:
// what a user of one of them downloads and has to trust.
func TestImportsPointOneWay(t *testing.T) {
	const (
		module   = "github.com/holdfast-go/holdfast/"
		internal = module + "internal/" // lineage and weakmap: the standard library only
	)
	for name, allowed := range map[string][]string{
		"internal/lineage":        {internal},
		"cluster/internal/record": {module + "cluster/internal/record"},
		"cluster":                 {module + "cluster", "github.com/bradfitz/gomemcache/"},
		"serializer":              {module + "serializer", internal, "github.com/vmihailenco/"},
		"testenv":                 {module + "testenv"},
		"scsstore": {
			module + "scsstore", module + "cluster", module + "serializer", internal,
			"github.com/bradfitz/gomemcache/", "github.com/vmihailenco/", "github.com/alexedwards/scs/v2",
		},
		"gorillastore": {
			module + "gorillastore", module + "cluster", module + "serializer", internal,
			"github.com/bradfitz/gomemcache/", "github.com/vmihailenco/",
			"github.com/gorilla/sessions", "github.com/gorilla/securecookie",
		},
	} {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "../../"+name).Output()
		if err != nil {
			t.Fatalf("go list ../../%s: %v", name, err)
		}
		deps := strings.Fields(string(out))
		if len(deps) == 0 {
			t.Errorf("%s: go list names no package, not even its own", name)
		}
		for _, dep := range deps {
			ok := false
			for _, prefix := range allowed {
				ok = ok || strings.HasPrefix(dep, prefix)
			}
			if !ok {
				t.Errorf("%s must not depend on %s", name, dep)
			}
		}
	}
}
