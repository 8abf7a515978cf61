package main

import (
	"context"
	"io"
	"net/http"
	"testing"
)

// A page that panics is logged, and counted. A user who goes away is not.
func TestAPanicOfAPageIsCounted(t *testing.T) {
	o := &Orders{stall: newStall(), logged: lines{to: io.Discard}}
	defer o.stall.end()
	arrived, gone, served := make(chan bool), make(chan bool), make(chan bool)
	o.now = &deployment{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panics" {
			panic("a mistake")
		}
		defer close(served)
		close(arrived)
		<-gone
		_, _ = w.Write(make([]byte, 1<<20))
	})}
	var url string
	if err := o.listen(&url); err != nil {
		t.Fatal(err)
	}
	logged := func() int {
		var s Spent
		if err := o.Spent(struct{}{}, &s); err != nil {
			t.Fatal(err)
		}
		return s.Logged
	}
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/waits", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-arrived
		cancel()
	}()
	if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
		_ = resp.Body.Close()
		t.Fatal("the user did not go away")
	}
	close(gone)
	<-served
	if n := logged(); n != 0 {
		t.Errorf("%d entries for a user who went away", n)
	}
	if resp, err := http.Get(url + "/panics"); err == nil {
		_ = resp.Body.Close()
		t.Fatal("a page that panics was served")
	}
	if n := logged(); n != 1 {
		t.Errorf("%d entries for a panic, want 1", n)
	}
}
