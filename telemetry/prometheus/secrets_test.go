package holdfastprom

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/secrettest"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// A login, faults of every kind and a logout on memcached itself: the scrape holds node IDs and
// durations, and in no form a token, a key of the nodes, or a value (ACCEPTANCE 47).
func TestNothingSecretIsScraped(t *testing.T) {
	secrets := map[string]string{"user": "USERplantedUSER", "value": "VALUEplantedVALUE", "seal key": "SEALplantedSEALplantedSEAL012345"}
	w := watch(t, 3, func(c *cluster.Config) {
		c.SealKeys, c.Timeout, c.KeyPrefix = [][]byte{[]byte(secrets["seal key"])}, time.Second, ""
	}, testenv.Real())
	sessions := scs.New()
	store := scsstore.New(w.Cluster)
	sessions.Store, sessions.Codec = store, serializer.Codec{}
	sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) }
	app := httptest.NewServer(store.LoadAndSave(sessions, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			_ = sessions.RenewToken(r.Context())
			sessions.Put(r.Context(), "user", secrets["user"])
		case "/logout":
			_ = sessions.Destroy(r.Context())
		default:
			sessions.Put(r.Context(), "value", secrets["value"]+r.URL.Path)
		}
	})))
	defer app.Close()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	visit := func(path string) {
		t.Helper()
		resp, err := client.Get(app.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	note := func(name string) {
		t.Helper()
		at, _ := url.Parse(app.URL)
		for _, c := range jar.Cookies(at) {
			sum := sha256.Sum256([]byte(c.Value))
			secrets[name], secrets[name+"'s key"] = c.Value, base64.RawURLEncoding.EncodeToString(sum[:])
		}
		if secrets[name] == "" {
			t.Fatal("no cookie")
		}
	}
	visit("/login")
	note("token")
	visit("/1")
	w.env.Node(0).Kill()
	visit("/2")
	w.env.Node(1).Pause()
	visit("/3")
	visit("/login")
	w.env.Node(1).Resume()
	w.env.Node(0).Restart()
	visit("/login")
	note("second token")
	for _, n := range w.env.All() {
		n.Set(secrets["second token's key"], []byte(secrets["value"])) // a copy that cannot be read
	}
	visit("/4")
	_ = w.Ping(context.Background())
	visit("/logout")

	scrape := w.scrape(t)
	if !strings.Contains(scrape, `holdfast_exchange_duration_seconds_count{kind="read",node="n1",outcome="ok"}`) || len(scrape) < 10_000 {
		t.Errorf("too little was scraped to show anything:\n%s", scrape)
	}
	secrettest.Forbid(t, scrape, secrets)
	for _, n := range w.Nodes() {
		if strings.Contains(scrape, n.Addr) {
			t.Errorf("the address of %s is in the scrape", n.ID)
		}
	}
}
