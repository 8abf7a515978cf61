package cluster

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"strings"
	"testing"
)

func TestARefusedClientCertificateIsNamed(t *testing.T) {
	strangers := newAuthority(t, "authority of strangers")
	onSecuredNodes(t, func(t *testing.T, addr string, _, clients *authority, files keyRing) {
		for _, c := range []struct {
			why   string
			pair  func() (cert, key []byte) // nil: none is configured
			wants []string                  // nil: accepted
		}{
			{"a good one", func() ([]byte, []byte) { return clients.pair("app", later()) }, nil},
			{
				"an expired one", func() ([]byte, []byte) { return clients.pair("app", earlier()) },
				[]string{"refuses our client certificate", "expired on " + earlier().UTC().Format("2006-01-02"), "authority of clients"},
			},
			{"none", nil, []string{"wants a client certificate", "MEMCACHED_TLS_CERT"}},
			{"one of another authority", func() ([]byte, []byte) { return strangers.pair("app", later()) }, []string{"client certificate", "authority"}},
		} {
			os.Remove(files.path("cert"))
			if c.pair != nil {
				cert, key := c.pair()
				files.put("cert", cert)
				files.put("key", key)
			}
			cfg, logs := files.config(addr)
			cl, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			r := NewRecord("s")
			r.Attrs["a"] = []byte("1")
			for range 3 { // over the shared connection; then of a node that is down
				err = cl.Save(context.Background(), r)
				for _, want := range c.wants {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%s: a save: %q is not in %v", c.why, want, err)
					}
				}
			}
			_, err = cl.Load(context.Background(), "s") // over a connection of its own
			ping := reachable(cl)
			if c.wants == nil && (err != nil || ping != nil) {
				t.Errorf("%s: %v, %v", c.why, err, ping)
			}
			for _, want := range c.wants {
				if err == nil || ping == nil || !strings.Contains(err.Error(), want) || !strings.Contains(ping.Error(), want) || !strings.Contains(logs.String(), want) {
					t.Errorf("%s: %q is not in %v, in %v, or in %s", c.why, want, err, ping, logs)
				}
			}
			cl.Close()
		}
	})
}

func TestARefusedNodeCertificateIsNamed(t *testing.T) {
	nodes := newAuthority(t, "authority of nodes")
	cert, key := nodes.pair("node", earlier())
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served(t, tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}))
	files := keyRing{t, t.TempDir()}
	files.put("ca", nodes.pem)
	cfg, _ := files.config(l.Addr().String())
	err = saveAndLoad(t, cfg)
	if err == nil || !strings.Contains(err.Error(), "the node's TLS certificate is refused: x509: certificate has expired") {
		t.Error(err)
	}
}
