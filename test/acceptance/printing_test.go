package acceptance

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alexedwards/scs/v2"
	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/internal/secrettest"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file tells that no public value prints a secret, however it is printed and wherever
// it is embedded. What cannot be had is listed, and fails when it can be.

// shape is a public value in some place.
type shape struct {
	where string
	value any
}

// shapes puts a value into the places where apps keep values.
func shapes[T any](name string, v T) []shape {
	type hidden struct{ v T }
	type pointing struct{ v *T }
	type boxed struct{ v any }
	p := &v
	return []shape{
		{name, v},
		{"*" + name, p},
		{"**" + name, &p},
		{"[]" + name, []T{v}},
		{"[]*" + name, []*T{p}},
		{"[1]" + name, [1]T{v}},
		{"map to " + name, map[string]T{"k": v}},
		{"map to *" + name, map[string]*T{"k": p}},
		{"exported field " + name, struct{ V T }{v}},
		{"exported field *" + name, struct{ V *T }{p}},
		{"embedded " + name, struct{ Embedded[T] }{Embedded[T]{v}}},
		{"unexported field " + name, hidden{v}},
		{"pointer to unexported field " + name, &hidden{v}},
		{"unexported field *" + name, pointing{p}},
		{"unexported any " + name, boxed{v}},
		{"unexported any *" + name, boxed{p}},
		{"slice of unexported field " + name, []hidden{{v}}},
		{"map to unexported field " + name, map[string]hidden{"k": {v}}},
		{"error with " + name, fmt.Errorf("%v, %+v", v, p)},
	}
}

// Embedded is a struct of an app around a value.
type Embedded[T any] struct{ Value T }

// Verbs of package fmt. It prints what it is given for %p and is no pointer without a look at
// methods.
const (
	allVerbs = "vTtbcdoOqxXUeEfFgGsp"
	butP     = "vTtbcdoOqxXUeEfFgGs"
)

// prints returns everything that comes of printing the value.
func prints(v any, verbs string) string {
	var b bytes.Buffer
	for _, verb := range verbs {
		for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "#+10.30", "100"} {
			fmt.Fprintf(&b, "%"+flags+string(verb)+"\n", v)
		}
	}
	fmt.Fprintln(&b, v)
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		l := slog.New(h)
		l.Info("shown", "value", v, slog.Group("group", "value", v))
		l.With("value", v).Info("shown")
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		fmt.Fprintln(&b, err)
	}
	if err := xml.NewEncoder(&b).Encode(v); err != nil {
		fmt.Fprintln(&b, err)
	}
	func() {
		defer func() { fmt.Fprintf(&b, "%v %+v %#v\n", recover(), v, v) }()
		panic(v)
	}()
	return b.String()
}

// publicTypes returns the exported types of a package of this module.
func publicTypes(t *testing.T, dir string) (names []string) {
	t.Helper()
	paths, err := filepath.Glob("../../" + dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				if n := spec.(*ast.TypeSpec).Name; n.IsExported() {
					names = append(names, dir+"."+n.Name)
				}
			}
		}
	}
	return names
}

func TestNoPublicValuePrintsASecret(t *testing.T) {
	secrets := map[string]string{
		"password": "PASSplantedPASS", "seal key": "SEALplantedSEALplantedSEAL012345", "cookie key": "COOKIEplantedCOOKIEplanted012345",
		"cookie cipher key": "CIPHERplantedCIPHERplanted012345", "session id": "IDplantedIDplanted", "value": "VALUEplantedVALUE", "name": "NAMEplantedNAME",
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, all[0], 2)
	nodes, err := cluster.ParseNodes(w.env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	cfg := cluster.Config{
		Nodes: nodes, Username: "me", Password: secrets["password"], SealKeys: [][]byte{[]byte(secrets["seal key"])},
		Logger: slog.New(slog.DiscardHandler),
	}
	secured := cfg
	secured.TLS = &tls.Config{Certificates: []tls.Certificate{{PrivateKey: private}}}
	locked, err := cluster.New(secured)
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	cfg.Username, cfg.Password = "", ""
	var told struct { // what a trace is told
		sync.Mutex
		operation cluster.OperationDone
		request   cluster.RequestDone
		exchange  cluster.ExchangeDone
	}
	tell := func(f func()) {
		told.Lock()
		defer told.Unlock()
		f()
	}
	cfg.Trace = &cluster.Trace{
		OperationDone: func(_ context.Context, d cluster.OperationDone) { tell(func() { told.operation = d }) },
		RequestDone:   func(_ context.Context, d cluster.RequestDone) { tell(func() { told.request = d }) },
		ExchangeDone:  func(d cluster.ExchangeDone) { tell(func() { told.exchange = d }) },
	}
	c, err := cluster.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	rec := cluster.NewRecord(secrets["session id"])
	rec.Attrs[secrets["name"]] = []byte(secrets["value"])
	if err := c.Save(ctx, rec); err != nil {
		t.Fatal(err)
	}
	loaded, err := c.Load(ctx, secrets["session id"])
	if err != nil {
		t.Fatal(err)
	}
	places, err := c.Where(ctx, secrets["session id"])
	if err != nil {
		t.Fatal(err)
	}
	gorilla, err := gorillastore.New(c, []byte(secrets["cookie key"]), []byte(secrets["cookie cipher key"]))
	if err != nil {
		t.Fatal(err)
	}
	var session cluster.SessionInfo
	for one, err := range c.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		session = one
	}
	status, stats := c.Nodes()[0], c.Stats()
	locked.Close() // what is printed must not change meanwhile
	c.Close()
	values := map[string][]shape{
		"cluster.Config":                   slices.Concat(shapes("cluster.Config", secured), shapes("cluster.Config", cfg)),
		"cluster.Node":                     shapes("cluster.Node", nodes[0]),
		"cluster.Cluster":                  slices.Concat(shapes("*cluster.Cluster", locked), shapes("*cluster.Cluster", c)),
		"cluster.Record":                   slices.Concat(shapes("cluster.Record", *loaded), shapes("cluster.Record", *rec)),
		"cluster.State":                    shapes("cluster.State", cluster.StateDown),
		"cluster.NodeStatus":               shapes("cluster.NodeStatus", status),
		"cluster.Stats":                    shapes("cluster.Stats", stats),
		"cluster.Role":                     shapes("cluster.Role", places[0].Role),
		"cluster.Placement":                shapes("cluster.Placement", places[0]),
		"cluster.HealReport":               shapes("cluster.HealReport", cluster.HealReport{Node: nodes[0].ID}),
		"cluster.SessionInfo":              shapes("cluster.SessionInfo", session),
		"cluster.Memory":                   shapes("cluster.Memory", cluster.Memory{Items: 1}),
		"cluster.Local":                    shapes("cluster.Local", cluster.Local{Sessions: 1}),
		"cluster.Trace":                    shapes("cluster.Trace", cluster.Trace{}),
		"cluster.Operation":                shapes("cluster.Operation", cluster.OperationLoad),
		"cluster.Outcome":                  shapes("cluster.Outcome", cluster.OutcomeOK),
		"cluster.OperationDone":            shapes("cluster.OperationDone", told.operation),
		"cluster.RequestDone":              shapes("cluster.RequestDone", told.request),
		"cluster.ExchangeDone":             shapes("cluster.ExchangeDone", told.exchange),
		"scsstore.LockOptions":             shapes("scsstore.LockOptions", scsstore.LockOptions{}),
		"gorillastore.LockOptions":         shapes("gorillastore.LockOptions", gorillastore.LockOptions{}),
		"serializer.FormerCodec":           shapes("serializer.FormerCodec", serializer.FormerCodec(scs.GobCodec{})),
		"scsstore.Store":                   shapes("*scsstore.Store", scsstore.New(c)),
		"gorillastore.Store":               shapes("*gorillastore.Store", gorilla),
		"serializer.Codec":                 shapes("serializer.Codec", serializer.Codec{}),
		"serializer.UnsupportedTypeError":  shapes("serializer.UnsupportedTypeError", serializer.UnsupportedTypeError{}),
		"serializer.UnregisteredTypeError": shapes("serializer.UnregisteredTypeError", serializer.UnregisteredTypeError{}),
	}
	for _, dir := range []string{"cluster", "scsstore", "gorillastore", "serializer"} {
		for _, name := range publicTypes(t, dir) {
			if values[name] == nil {
				t.Errorf("%s is not among the values: add one with secrets in it", name)
			}
		}
	}
	// A Config and a Record have exported fields of strings and bytes. Package fmt prints these
	// where it calls no method: in unexported fields, and for %p.
	isBare := func(name string) bool { return name == "cluster.Config" || name == "cluster.Record" }
	found := false
	secrets["private key"] = string(scalar)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range values {
			if !yield(name) {
				return
			}
		}
	}) {
		for _, s := range values[name] {
			verbs := allVerbs
			if isBare(name) {
				verbs = butP
			}
			out := prints(s.value, verbs)
			for what, secret := range secrets {
				_, at, shows := secrettest.Find(out, secret)
				switch {
				case shows && isBare(name) && strings.Contains(s.where, "unexported"):
					found = true
				case shows:
					t.Errorf("%s prints the %s: …%.160q", s.where, what, out[max(0, at-60):])
				}
			}
		}
	}
	if !found {
		t.Error("what could not be had can be: tell SECURITY.md")
	}
}
