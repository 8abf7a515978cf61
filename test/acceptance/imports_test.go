package acceptance

import (
	"os/exec"
	"strings"
	"testing"
)

// The packages depend on each other in one direction, and on no more than they need:
// what a user of one of them downloads and has to trust.
func TestImportsPointOneWay(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: it runs the go command")
	}
	const (
		module   = "github.com/holdfast-go/holdfast/"
		internal = module + "internal/" // lineage, weakmap and discovery: the standard library only
	)
	for name, allowed := range map[string][]string{
		"internal/lineage": {internal},
		"cluster":          {module + "cluster", internal + "discovery", "github.com/bradfitz/gomemcache/"},
		// One server is all that it knows, and the other knows no server.
		"cluster/internal/memcached": {module + "cluster/internal/memcached", "github.com/bradfitz/gomemcache/"},
		"cluster/internal/record":    {module + "cluster/internal/record"},
		"serializer":                 {module + "serializer", internal, "github.com/vmihailenco/"},
		"testenv":                    {module + "testenv"},
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

// gomemcache has one user in production code: whoever wants to know what is said to a server reads
// one package.
func TestOnePackageSpeaksToServers(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: it runs the go command")
	}
	const (
		module = "github.com/holdfast-go/holdfast/"
		only   = module + "cluster/internal/memcached"
	)
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "../../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	users := 0
	for _, line := range strings.Split(string(out), "\n") {
		name, imports, _ := strings.Cut(line, " ")
		if !strings.Contains(imports, "github.com/bradfitz/gomemcache/") || strings.HasPrefix(name, module+"test/") {
			continue // or it serves tests, as the stores that this library is measured beside
		}
		if users++; name != only {
			t.Errorf("%s imports gomemcache", name)
		}
	}
	if users == 0 {
		t.Error("nobody imports gomemcache: the test looks past it")
	}
}
