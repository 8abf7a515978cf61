package acceptance

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file tells that a request changes what it changes: a value that it leaves alone
// overwrites nothing, and a session that has ended while it ran stays ended.

// basket gobs a map, and so is encoded to other bytes each time.
type basket struct{ items map[string]int }

// price has a zero value that is encoded to other bytes once it has been decoded.
type price struct{ digits *string }

func init() {
	serializer.Register(basket{})
	serializer.Register(price{})
}

func (b basket) GobEncode() ([]byte, error) {
	var buf bytes.Buffer
	err := gob.NewEncoder(&buf).Encode(b.items)
	return buf.Bytes(), err
}

func (b *basket) GobDecode(from []byte) error {
	return gob.NewDecoder(bytes.NewReader(from)).Decode(&b.items)
}

func (p price) MarshalText() ([]byte, error) {
	if p.digits == nil {
		return nil, nil
	}
	return []byte("digits:" + *p.digits), nil
}

func (p *price) UnmarshalText(from []byte) error {
	digits := string(bytes.TrimPrefix(from, []byte("digits:")))
	p.digits = &digits
	return nil
}

// restless are values whose bytes tell nothing of whether they have changed.
var restless = map[string]any{}

func init() {
	b := basket{map[string]int{}}
	for i := range 12 {
		b.items[fmt.Sprint("item", i)] = i
	}
	restless["basket"], restless["list"], restless["price"] = b, []any{b, 1}, price{}
	restless["prices"] = map[string]any{"a": price{}, "b": b}
}

func putRestless(s session, _ *http.Request) (string, error) {
	for name, v := range restless {
		s.put(name, v)
	}
	return "kept", nil
}

func TestValuesThatARequestLeavesAloneOverwriteNothing(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		onOneAndTwo(t, d, func(t *testing.T, w *world, app1, app2 *app) {
			u := w.newUser()
			u.logIn(app1, "ann")
			u.sees(app1, "kept", "/restless/put")
			g := app1.newGate("slow")
			slow := u.begin(t.Context(), g, app1, "/set", "key", "theme", "value", "dark", "gate", "slow")
			for name := range restless {
				u.set(app2, name, "changed")
			}
			close(g.release)
			if r := <-slow; !r.ok() {
				t.Fatal(r)
			}
			for _, a := range []*app{app1, app2} {
				for name := range restless {
					u.finds(a, name, "changed")
				}
				u.finds(a, "theme", "dark")
			}
		})
	})
}

// The request began while the session lived, and saves when it has ended. Others have
// seen its end.
func TestLateRequestDoesNotReviveTheSession(t *testing.T) {
	eachVirtual(t, all, func(t *testing.T, w *world) {
		app1, app2 := w.pair(options{virtual: true, idle: time.Second})
		for path, form := range map[string][]string{
			"/set": {"key", "a", "value", "1"}, "/flash": {"message", "welcome"}, "/whoami": nil, "/remove": {"key", "user"},
		} {
			u := w.newUser()
			u.logIn(app1, "ann")
			old, id := u.cookie(w.driver.cookie), u.id(app1)
			g := app1.newGate(path)
			late := u.begin(t.Context(), g, app1, path, append(form, "gate", path)...)
			time.Sleep(2500 * time.Millisecond)
			u.is("nobody", app2)
			close(g.release)
			if r := <-late; !r.ok() {
				t.Fatalf("%s: the late request is to blame for nothing: %v", path, r)
			}
			for _, a := range []*app{app1, app2} {
				thief := w.newUser()
				thief.present(w.driver.cookie, old)
				thief.is("nobody", a)
				thief.present(w.driver.cookie, old)
				thief.finds(a, "a", "")
			}
			if got := w.holders(id); len(got) != 0 {
				t.Errorf("%s: %d nodes hold the session that has ended", path, len(got))
			}
		}
	})
}
