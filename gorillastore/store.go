package gorillastore

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what a Store is, and which options its sessions have by default.

var (
	// ErrNotLoaded is wrapped by the error of Save and RenewID for a session whose load failed. The
	// session is empty then and is not stored, because it would replace the stored session that
	// could not be read. The error wraps the load's error as well.
	ErrNotLoaded = errors.New("gorillastore: the session was not loaded (look at the error of Get before Save, and answer 503)")

	// ErrUndecodable is wrapped by the error of Get and New if a stored value of the session cannot
	// be decoded: its type is no longer registered or has changed its shape, or the bytes are
	// damaged. See Store.OnDecodeError.
	ErrUndecodable = errors.New("gorillastore: a stored value cannot be decoded (Store.OnDecodeError can go on without it)")
)

// Store is a sessions.Store that keeps sessions on a cluster. Its fields are set before the first
// request and not changed while requests are served. It is safe for concurrent use; a session is
// not, as with every gorilla store.
type Store struct {
	// Options are copied into every session, except that a session which was saved with a MaxAge of
	// its own keeps it (see the package comment, Lifetimes). New sets Path "/", MaxAge 30 days,
	// HttpOnly and SameSite=Lax. With Secure true, every cookie is marked Secure; with Secure
	// false, a cookie is marked when the request came over TLS and where browsers demand it
	// (SameSite=None, Partitioned, names that begin with "__Secure-" or "__Host-"). If nil, these
	// defaults are used.
	Options *sessions.Options

	// DefaultLifetime is how long a session whose Options.MaxAge is 0 lives on the nodes after it
	// was last saved: its cookie ends with the browser session, of which a server learns nothing.
	// If zero or less, DefaultLifetime (24 h) is used.
	DefaultLifetime time.Duration

	// TrustForwardedProto marks cookies Secure also when the request carries "X-Forwarded-Proto:
	// https". Set it behind a proxy that ends TLS and sets that header itself; without such a proxy
	// the header is the client's word.
	TrustForwardedProto bool

	// Header, if not empty, names the header that carries the session's id in the place of a cookie,
	// such as "X-Session": for APIs whose clients keep no cookies. See the package comment, Without
	// cookies.
	Header string

	// OnDecodeError decides what happens to a session with a value that can no longer be read, for
	// example because its type was removed from the program. Get calls it on the goroutine of the
	// request, with the name of the session, the key and the error. If it returns nil, the session
	// goes on without the value, which the next Save removes from the nodes; if it returns an
	// error, Get's error wraps that.
	//
	// The key is nil if the key itself cannot be read, and if a newer version of holdfast wrote the
	// session (cluster.ErrVersion). In the second case, returning nil gives the user a new session
	// and leaves the stored one alone.
	//
	// If OnDecodeError is nil, Get returns the error: every request of that user fails until the
	// session ends or is deleted.
	OnDecodeError func(name string, key any, err error) error

	// OwnerKey is the key of the session value that names the user, such as "userID": a string, or an
	// integer, which counts as its decimal text. Sessions with that value are the user's: Sessions
	// lists them, and DestroyAll ends them. If nil, no session has an owner, which costs nothing.
	//
	// With it, the Save that gives a session its value (the login) reads and writes the user's record
	// on the nodes as well, and a load now and then reads it (cluster.Config.OwnerCheck). A value of
	// another type is an error of Save. Set it not before all instances of an app that runs have a
	// version of this package that knows it.
	OwnerKey any

	// Label, if not nil, says what a user is shown of his session (cluster.SessionInfo.Label), such as
	// the device and the address. Each Save of a session with an owner calls it, on its own
	// goroutine; what it returns counts at the Save that gives the session its owner.
	Label func(r *http.Request) string

	cluster *cluster.Cluster
	keys    keyring
}

var _ sessions.Store = (*Store)(nil)

// New returns a Store on the cluster c. The keys come in pairs: a key that authenticates the cookie
// (32 random bytes; fewer than 16 are refused) and one that encrypts it (16, 24 or 32 random bytes
// for AES-128, AES-192 or AES-256; nil, or left out at the end, for a cookie that is authenticated
// only). The first pair signs, all pairs verify. To change keys, put the new pair in front of the
// old one, and drop the old pair when its cookies have expired. The keys are copied. The error says
// which key is wrong and what a right one looks like.
func New(c *cluster.Cluster, keyPairs ...[]byte) (*Store, error) {
	if c == nil {
		return nil, errors.New("gorillastore: the cluster is nil: make one with cluster.New and check its error")
	}
	keys, err := newKeyring(keyPairs)
	if err != nil {
		return nil, err
	}
	opts := defaultOptions()
	return &Store{Options: &opts, cluster: c, keys: keys}, nil
}

// errNoStore is returned by the methods of a nil Store.
var errNoStore = errors.New("gorillastore: the store is nil: make one with New and check its error")

func defaultOptions() sessions.Options {
	return sessions.Options{Path: "/", MaxAge: DefaultMaxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// Format prints the type's name alone, whatever the verb: the store holds the keys of its cookies.
func (s *Store) Format(f fmt.State, _ rune) { fmt.Fprint(f, "gorillastore.Store") }

// options returns a copy of the Store's options for one session.
func (s *Store) options() *sessions.Options {
	opts := defaultOptions()
	if s != nil && s.Options != nil {
		opts = *s.Options
	}
	return &opts
}

// usable refuses arguments that cannot be saved, before anything is sent. A session whose name is
// no cookie name would be stored and never found again, since net/http drops its cookie silently.
func usable(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	switch {
	case session == nil:
		return errors.New("gorillastore: the session is nil: use the one that Get returned")
	case r == nil:
		return fmt.Errorf("gorillastore: session %q: the request is nil", session.Name())
	case w == nil:
		return fmt.Errorf("gorillastore: session %q: the response writer is nil", session.Name())
	}
	return validName(session.Name())
}

func validName(name string) error {
	if (&http.Cookie{Name: name}).Valid() != nil {
		return fmt.Errorf("gorillastore: session name %q is no cookie name: use letters, digits, '-' and '_'", name)
	}
	return nil
}
