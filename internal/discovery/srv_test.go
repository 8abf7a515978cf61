package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/internal/sourcetest"
)

const asked = "_memcached._tcp.mc.web.svc.cluster.local."

func srv(target string, port uint16) net.SRV { return net.SRV{Target: target, Port: port} }

func TestSRVNamesNodesByTheirTargets(t *testing.T) {
	s := sourcetest.NewDNS(t)
	ask := SRV(s.Resolver(), asked)
	for _, c := range []struct {
		why     string
		records []net.SRV
		want    []Node
	}{
		{
			"on Kubernetes, the name of the pod is the id",
			[]net.SRV{srv("mc-1.mc.web.svc.cluster.local.", 11211), srv("mc-0.mc.web.svc.cluster.local.", 11211)},
			[]Node{{ID: "mc-0", Addr: "mc-0.mc.web.svc.cluster.local:11211"}, {ID: "mc-1", Addr: "mc-1.mc.web.svc.cluster.local:11211"}},
		},
		{
			"another order, a record twice, and other priorities are the same list",
			[]net.SRV{srv("mc-0.mc.web.svc.cluster.local.", 11211), {Target: "mc-1.mc.web.svc.cluster.local.", Port: 11211, Priority: 9}, srv("mc-0.mc.web.svc.cluster.local.", 11211)},
			[]Node{{ID: "mc-0", Addr: "mc-0.mc.web.svc.cluster.local:11211"}, {ID: "mc-1", Addr: "mc-1.mc.web.svc.cluster.local:11211"}},
		},
		{
			"a target in another domain has its whole name, and the ids of others stay",
			[]net.SRV{srv("mc-0.mc.web.svc.cluster.local.", 11211), srv("n1.example.com.", 11212)},
			[]Node{{ID: "mc-0", Addr: "mc-0.mc.web.svc.cluster.local:11211"}, {ID: "n1.example.com", Addr: "n1.example.com:11212"}},
		},
		{
			"a resolver may mix capitals into a name",
			[]net.SRV{srv("MC-0.mC.Web.svc.Cluster.local.", 11211)},
			[]Node{{ID: "mc-0", Addr: "mc-0.mc.web.svc.cluster.local:11211"}},
		},
		{
			"the domain itself is a target with its whole name",
			[]net.SRV{srv("mc.web.svc.cluster.local.", 11211)},
			[]Node{{ID: "mc.web.svc.cluster.local", Addr: "mc.web.svc.cluster.local:11211"}},
		},
	} {
		s.Says(sourcetest.Answer{Records: c.records})
		nodes, err := ask(t.Context())
		if err != nil || !slices.Equal(nodes, c.want) {
			t.Errorf("%s: %v, %v", c.why, nodes, err)
		}
	}
}

func TestSRVWithoutANodeIsAnError(t *testing.T) {
	s := sourcetest.NewDNS(t)
	ask := SRV(s.Resolver(), asked)
	for _, c := range []struct {
		why     string
		code    byte
		records []net.SRV
		noNode  bool
		want    string
	}{
		{"no such name", sourcetest.NoSuchName, nil, true, "no SRV record"},
		{"no record", 0, nil, true, "no SRV record"},
		{"the service is not available here", 0, []net.SRV{srv(".", 0)}, true, "no node"},
		{"the name server has failed", sourcetest.ServerFailure, nil, false, "server misbehaving"},
		{"one name for several servers", 0, []net.SRV{srv("a.x.", 1), srv("a.x.", 2)}, false, "one name"},
		{"a port that is none", 0, []net.SRV{srv("a.x.", 0), srv("b.x.", 2)}, false, "port 0"},
		{"a name that is none", 0, []net.SRV{srv("a b.x.", 1), srv("b.x.", 2)}, false, "SRV"},
	} {
		s.Says(sourcetest.Answer{Code: c.code, Records: c.records})
		nodes, err := ask(t.Context())
		if err == nil || nodes != nil || errors.Is(err, ErrNoNode) != c.noNode || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), asked) {
			t.Errorf("%s: %v, %v", c.why, nodes, err)
		}
	}
}

func TestSRVAnswerThatIsCutOffIsAskedForOverTCP(t *testing.T) {
	s := sourcetest.NewDNS(t)
	var records []net.SRV
	for i := range 60 {
		records = append(records, srv(fmt.Sprintf("mc-%d.mc.web.svc.cluster.local.", i), 11211))
	}
	s.Says(sourcetest.Answer{Records: records, Cut: true})
	nodes, err := SRV(s.Resolver(), asked)(t.Context())
	if err != nil || len(nodes) != len(records) {
		t.Fatalf("%d nodes, %v", len(nodes), err)
	}
	if first, second := <-s.Networks, <-s.Networks; first != "udp" || second != "tcp" {
		t.Errorf("asked over %s, then %s", first, second)
	}
}

// A name server that says nothing is given up with the context, and after a bounded time
// without one.
func TestSRVQuestionEnds(t *testing.T) {
	mute := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, server) }()
		return client, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		nodes, err := SRV(mute, asked)(ctx)
		if nodes != nil || !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("%v, %v after %v of virtual time", nodes, err, time.Since(began))
		}
		began = time.Now()
		nodes, err = SRV(mute, asked)(t.Context())
		if nodes != nil || err == nil || time.Since(began) > askTime {
			t.Errorf("%v, %v after %v of virtual time", nodes, err, time.Since(began))
		}
	})
}
