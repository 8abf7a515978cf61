// Package gorillastore keeps the sessions of github.com/gorilla/sessions on memcached nodes of a
// [cluster.Cluster], each on two of them, so that a session outlives the node it was stored on.
//
//	cfg, err := cluster.ConfigFromEnv(os.Getenv) // MEMCACHED_NODES=n1:10.0.0.1:11211,n2:10.0.0.2:11211
//	c, err := cluster.New(cfg)
//	store, err := gorillastore.New(c, authKey)
//	session, err := store.Get(r, "app")
//	err = session.Save(r, w)
//
// [Store] is a sessions.Store: an app that uses CookieStore or FilesystemStore replaces the
// constructor, and each gob.Register by serializer.Register. No middleware is needed.
//
// # Values
//
// The cookie holds the session's id, 256 random bits, signed and if you like encrypted with your
// keys. The values are on the nodes only, each an attribute of its own, encoded by package
// serializer: what it lists comes back with the Go type it had, other types are registered with
// serializer.Register at program start, and a value that would not come back fails the Save that
// brings it, and changes nothing.
//
// Two requests of one session that run at the same time and change different keys both keep their
// change. Where they change one key, the later one stands. A value that contains others, such as
// the list of flashes, is one key. A value that a request has left alone is no change of it, also
// where its type is encoded otherwise each time, or has fields that an older version of the program
// does not know: what is stored stays, byte by byte.
//
// # When nodes fail
//
// As long as one copy of a session can be reached, nobody notices. When none can, Get returns an
// empty session and an error, which wraps cluster.ErrUnavailable. A Save of that session is refused
// with [ErrNotLoaded], and no cookie is set: an app that ignores the error of Get logs nobody out
// and overwrites nothing.
//
//	session, err := store.Get(r, "app")
//	if errors.Is(err, cluster.ErrUnavailable) {
//		http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
//		return
//	}
//
// # Lifetimes
//
// With Options.MaxAge above 0, a session ends that many seconds after it was last saved, to the
// millisecond; the browser drops its cookie at the same time. With 0, the cookie ends with the
// browser, and the session [Store.DefaultLifetime] after it was last saved. Below 0, Save deletes
// the session on all nodes and expires the cookie. A request that only reads prolongs nothing.
//
// A session that is saved with another MaxAge than its store's keeps it: the next request finds it
// in Options.MaxAge, and each Save counts from it, until the app changes it. It is kept in the
// record, beside the values. A session that is saved with the store's MaxAge has none of its own,
// and follows when the store's is changed. While instances of a version that did not keep it are
// still at work (a rolling deploy), these count from the store's, hand the session's on, and see
// it among the values, under the key "holdfast/gorillastore.MaxAge", which an app cannot use.
//
// # Ids
//
// An id that is not the id of a stored session is never adopted, whoever signed it: Get gives a new
// session, and its first Save a new id. Call [Store.RenewID] at login; the old id is dead from then
// on. An app that sets session.ID to "" before Save, or to an id of its own, gets the same
// treatment. An id of its own must be hard to guess and cannot be used again after it was deleted.
//
// A session that is deleted while another request of it is running stays deleted: the other
// request's Save stores nothing, sets no cookie, and returns nil. So it is when the session ends
// while a request of it is running, because the handler takes longer than the session lives. Where
// an app must know, as at login, it calls RenewID, which returns cluster.ErrDestroyed.
//
// # Which load belongs to which save
//
// To tell what a request has changed, its Save is compared with what its Get returned. The
// *sessions.Session connects the two: each Get that loads, and each New, makes one of its own, and
// what is remembered for it is released by the garbage collector together with it. A copy of the
// struct is recognised as long as it has the Options and the Values of the original. A session that
// the app has built itself, with sessions.NewSession or from parts, was not loaded: when it has an
// ID, its Save replaces all values stored under that.
//
// # Cookies
//
// New sessions have Path "/", HttpOnly and SameSite=Lax. Cookies are marked Secure when the request
// came over TLS, when Options.Secure is true, or, with [Store.TrustForwardedProto], when a proxy
// says that its client used TLS. Behind a proxy that ends TLS, set one of the two. Where browsers
// drop a cookie without the mark it is always set: with SameSite=None, with Partitioned, and where
// the name begins with "__Secure-" or "__Host-". Over plain http they then keep it for localhost
// only.
//
// However often a session is saved, the response carries its last cookie only.
//
// A browser that was given cookies of one name for several Paths or Domains, as when the app has
// changed Options.Path, sends them all. The first whose session exists counts, among the first
// eight that verify; whether the session of one exists must be known before the next is looked at.
// Deleting the session deletes those of all these cookies: whoever logs out is out.
//
// # Several stores
//
// gorilla/sessions keeps one session for each name in a request, and a browser one cookie. Where
// one request uses several stores, their sessions need names of their own: the second store that
// gets a name has an error from Get, and a store saves and deletes no session of another.
package gorillastore
