package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// Secrets that must not come out anywhere but where they belong.
const (
	secretID    = "IDsecretID"
	secretName  = "NAMEsecretNAME"
	secretValue = "VALUEsecretVALUE"
	secretPass  = "PASSsecretPASS"
)

func findSecret(out string) string {
	for _, s := range []string{secretID, secretName, secretValue, secretPass, record.KeyOf(secretID).Name("")} {
		for _, form := range []string{s, fmt.Sprintf("%x", s), strings.Trim(fmt.Sprint([]byte(s)), "[]"), strings.Trim(fmt.Sprintf("%#v", []byte(s)), "[]byte{}")} {
			if strings.Contains(out, form) {
				return s
			}
		}
	}
	return ""
}

func TestNoVerbAndNoLoggerShowsASecret(t *testing.T) {
	story(t, 2, func(w *world) {
		cfg := Config{Username: "me", Password: secretPass, SealKeys: [][]byte{bytes.Repeat([]byte("s"), 32)}}
		nodes, err := ParseNodes(w.env.Nodes())
		if err != nil {
			w.Fatal(err)
		}
		cfg.Nodes = nodes
		seals := strings.Repeat("115 ", 8)
		c := w.cluster(Config{})
		r := NewRecord(secretID)
		r.Attrs[secretName] = []byte(secretValue)
		w.save(c, r)
		loaded := w.load(c, secretID)
		places, err := c.Where(context.Background(), secretID)
		if err != nil || len(places) != 2 || !places[0].Held {
			w.Fatalf("%+v, %v", places, err)
		}
		withPassword, err := New(cfg)
		if err != nil {
			w.Fatal(err)
		}
		defer withPassword.Close()
		for name, v := range map[string]any{
			"Config": cfg, "*Config": &cfg, "Record": *loaded, "*Record": loaded, "[]Record": []*Record{r}, "Cluster": withPassword,
			"NodeStatus": c.Nodes(), "Stats": c.Stats(), "Placement": places,
			"in a struct": struct {
				C Config
				R *Record
			}{cfg, loaded},
		} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%t", "%10v"} {
				out := fmt.Sprintf(verb, v)
				if s := findSecret(out); s != "" || strings.Contains(out, seals) || strings.Contains(out, strings.Repeat("73", 32)) {
					w.Errorf("%s of %s shows %s: %s", verb, name, s, out)
				}
			}
			var logged bytes.Buffer
			slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
			if name != "*Record" && name != "Record" && name != "[]Record" && name != "in a struct" {
				slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
				_ = json.NewEncoder(&logged).Encode(v)
			}
			if s := findSecret(logged.String()); s != "" {
				w.Errorf("a logged %s shows %s: %s", name, s, &logged)
			}
		}
	})
}

func TestNoErrorAndNoLogShowsASecret(t *testing.T) {
	story(t, 3, func(w *world) {
		ctx := context.Background()
		var mu sync.Mutex
		var told []string
		tell := func(s string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, s)
		}
		note := func(err error) {
			if err != nil {
				tell(err.Error())
			}
		}
		c := w.cluster(Config{MaxRecordBytes: 4000, OnNodeState: func(s NodeStatus) { tell(fmt.Sprintf("%+v", s)) }})
		key := record.KeyOf(secretID).Name("")
		attempt := func() {
			r, err := c.Load(ctx, secretID)
			note(err)
			if err != nil {
				r = NewRecord(secretID)
			}
			r.Attrs[secretName] = []byte(secretValue)
			note(c.Save(ctx, r))
			r.Attrs["big"] = bytes.Repeat([]byte(secretValue), 400)
			note(c.Save(ctx, r))
		}
		attempt()
		good, _ := w.preference(secretID)[0].Get(key)
		for _, trouble := range []func(){
			func() { w.env.Node(0).Set(key, append(good[:len(good):len(good)], 1)) },
			func() { w.env.Node(1).Set(key, append([]byte("h\x02"), good[2:]...)) },
			func() { w.env.Node(2).Set(key, []byte(secretValue)) },
			func() { w.preference(secretID)[0].Set(key, sealed(append([]byte("h\x02"), good[2:len(good)-4]...))) },
			func() { w.delete(c, secretID) },
			func() { w.env.Node(0).Kill() },
			func() { w.env.Node(1).Pause() },
			func() { w.env.Node(2).Kill() },
			func() { c.Close() },
		} {
			trouble()
			attempt()
			note(c.Ping(ctx))
			time.Sleep(time.Second)
		}
		note(c.Delete(ctx, secretID))
		mu.Lock()
		defer mu.Unlock()
		if len(told) < 20 || w.logs.String() == "" {
			w.Fatalf("too little trouble: %d errors, log %q", len(told), w.logs)
		}
		for _, s := range append(told, w.logs.String(), fmt.Sprintf("%+v", c.Nodes())) {
			if secret := findSecret(s); secret != "" {
				w.Errorf("%s in %s", secret, s)
			}
		}
	})
}
