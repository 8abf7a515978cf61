package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// Cart is one session value: two requests that each add something change the same value.
type Cart struct {
	Teapots int
	Orders  int
}

func init() { serializer.Register(Cart{}) }

// shop sells teapots.
type shop struct {
	cluster  *cluster.Cluster
	store    *scsstore.Store
	sessions *scs.SessionManager
	charge   func(ctx context.Context, teapots int) error // asks the payment service
}

var errSoldOut = errors.New("sold out")

// stockKey is a record of its own beside the sessions: all users change it. A real shop counts its stock
// in a database; memcached nodes may lose what two of them forget at once.
const stockKey = "shop: teapots in stock"

// open puts teapots on the shelf.
func (s *shop) open(ctx context.Context, teapots int) error {
	shelf := cluster.NewRecord(stockKey)
	shelf.Attrs["teapots"] = []byte(strconv.Itoa(teapots))
	shelf.Deadline = time.Now().Add(24 * time.Hour)
	return s.cluster.Save(ctx, shelf)
}

// take takes one teapot off the shelf.
func (s *shop) take(ctx context.Context) error {
	return s.cluster.Update(ctx, stockKey, func(shelf *cluster.Record) error {
		left, err := strconv.Atoi(string(shelf.Attrs["teapots"]))
		if err != nil || left == 0 {
			return errSoldOut
		}
		shelf.Attrs["teapots"] = []byte(strconv.Itoa(left - 1))
		return nil
	})
}

// cart is the cart in the session of ctx.
func (s *shop) cart(ctx context.Context) Cart {
	cart, _ := s.sessions.Get(ctx, "cart").(Cart)
	return cart
}

// change changes the cart, on what other requests have made of it meanwhile.
func (s *shop) change(ctx context.Context, change func(*Cart) error) error {
	return s.store.Update(ctx, s.sessions, func(ctx context.Context) error {
		cart := s.cart(ctx)
		if err := change(&cart); err != nil {
			return err
		}
		s.sessions.Put(ctx, "cart", cart)
		return nil
	})
}

func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		cart := s.cart(r.Context())
		fmt.Fprintf(w, "%d in the cart, %d orders\n", cart.Teapots, cart.Orders)
	})
	mux.HandleFunc("POST /add", s.page(func(r *http.Request) error {
		if err := s.take(r.Context()); err != nil {
			return err
		}
		return s.change(r.Context(), func(c *Cart) error { c.Teapots++; return nil })
	}))
	// Two clicks on "pay" must not charge twice. Update would call the payment service again after a
	// conflict; the lock has the second click wait, and it then finds an empty cart.
	pay := s.page(func(r *http.Request) error {
		cart := s.cart(r.Context())
		if cart.Teapots == 0 {
			return nil
		}
		if err := s.charge(r.Context(), cart.Teapots); err != nil {
			return err
		}
		return s.change(r.Context(), func(c *Cart) error {
			c.Teapots -= cart.Teapots
			c.Orders++
			return nil
		})
	})
	mux.Handle("POST /pay", s.store.LockHandler(s.sessions, scsstore.LockOptions{Lease: 30 * time.Second}, pay))
	return s.store.LoadAndSave(s.sessions, mux)
}

// page answers with an error page where do fails.
func (s *shop) page(do func(r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch err := do(r); {
		case errors.Is(err, errSoldOut):
			http.Error(w, err.Error(), http.StatusConflict)
		case err != nil:
			s.sessions.ErrorFunc(w, r, err)
		default:
			fmt.Fprintln(w, "done")
		}
	}
}
