// Package gorillastore keeps the sessions of github.com/gorilla/sessions on memcached nodes of a
// [cluster.Cluster]. Each session lies on two nodes, so that it outlives the death of either.
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
// The cookie holds the session's id: 256 random bits, signed with your keys and, if you pass
// encryption keys, encrypted. The values lie on the nodes only, each as an attribute of its own,
// encoded by package serializer. A value of a type that serializer lists comes back with the Go
// type it had; other types are registered with serializer.Register at program start. If a session
// holds a value that would not come back, its Save fails and changes nothing.
//
// If two requests of one session run at the same time and change different keys, both changes are
// kept; if they change one key, the later change wins, unless both do so in [Store.Update], which loses
// neither. A value that contains other values, such as a cart, is one key. Each flash of
// sessions.Session.AddFlash without a key of its own is stored by itself: parallel requests lose none. A value that a request has left alone counts as unchanged and
// keeps its stored bytes, also if its type encodes to other bytes each time, or if an older version
// of the program does not know all of its fields.
//
// # When nodes fail
//
// As long as one copy of a session can be reached, users notice nothing. If no copy can be reached,
// Get returns an empty session and an error that wraps cluster.ErrUnavailable. A Save of that
// session is refused with [ErrNotLoaded], and no cookie is set: an app that ignores the error of
// Get logs nobody out and overwrites nothing.
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
// A session that is saved with a MaxAge other than its store's keeps that MaxAge: the next request
// finds it in Options.MaxAge, and each Save counts from it, until the app changes it. It is stored
// in the record, beside the values. A session that is saved with the store's MaxAge has no MaxAge
// of its own, and follows when the store's is changed. During a rolling deploy from a version that
// did not store a session's MaxAge, the old instances use the store's MaxAge, keep the session's in
// the record, and see it among the values, under the key "holdfast/gorillastore.MaxAge". An app
// cannot use that key.
//
// # Ids
//
// An id under which no session is stored is never adopted, even if its cookie verifies: Get returns
// a new session, and its first Save makes a new id. Call [Store.RenewID] at login; the old id is
// dead from then on. If an app sets session.ID to "" before Save, or to an id that it chose, the
// session moves in the same way. An id that the app chose must be hard to guess, and cannot be used
// again after it was deleted.
//
// A session that is deleted while another request of it is running stays deleted: the other
// request's Save stores nothing, sets no cookie, and returns nil. The same holds if the session
// ends while a request of it is running, because the handler takes longer than the session lives.
// An app that must know, as at login, calls RenewID, which returns cluster.ErrDestroyed.
//
// # A user's sessions
//
// With [Store.OwnerKey] the app can show a user where he is logged in, and log him out there:
// [Store.Sessions], [Store.Destroy], [Store.DestroyAll], [Store.Label].
//
// # Which load belongs to which save
//
// To tell what a request has changed, Save compares the session with what Get returned. The
// *sessions.Session connects the two: each Get that loads, and each New, makes a session of its
// own. The garbage collector releases what is remembered for a session together with the session. A
// copy of the struct is recognised as long as it has the Options and the Values of the original. A
// session that the app has built itself, with sessions.NewSession or from parts, was not loaded: if
// it has an ID, its Save replaces all values that are stored under this ID.
//
// # Cookies
//
// New sessions have Path "/", HttpOnly and SameSite=Lax. Cookies are marked Secure when the request
// came over TLS, when Options.Secure is true, or, with [Store.TrustForwardedProto], when a proxy
// says that its client used TLS. Behind a proxy that ends TLS, set Secure or TrustForwardedProto.
// Some cookies are always marked, because browsers drop them without the mark: those with
// SameSite=None, those with Partitioned, and those whose name begins with "__Secure-" or "__Host-".
// Over plain http browsers keep a marked cookie for localhost only.
//
// However often a session is saved, the response carries its last cookie only.
//
// A browser that was given cookies of one name for several Paths or Domains, as when the app has
// changed Options.Path, sends all of them. Of the first eight that verify, the first whose session
// exists counts. The store loads them one after another; if a load fails, it looks no further.
// Deleting the session deletes the sessions of all these cookies, so that a user who logs out is
// logged out.
//
// # Without cookies
//
// With [Store.Header], as "X-Session", a session's id travels in that header in the place of a
// cookie: for APIs whose clients keep no cookies. The header's value is what the cookie's would be,
// a signed id. Each response to a Save carries it; the client sends the newest one with its next
// request. After a Save that deletes the session the header is empty, and the client forgets what
// it had. A request without the header, or with one that does not verify, begins a new session.
//
//	store.Header = "X-Session"
//
// Two sessions of one client need two stores, with a header each. Of Options only MaxAge counts.
// A response with the header is for its client alone, so send Cache-Control: no-store with it. A
// page of another origin reads it only if Access-Control-Expose-Headers names it. Prefer cookies for
// browsers: scripts cannot read an HttpOnly cookie, and can read this.
//
// # Several stores
//
// gorilla/sessions keeps one session for each name in a request, and a browser one cookie. If one
// request uses several stores, the sessions of each need names of their own: Get returns an error
// to the second store that asks for a name, and a store never saves or deletes another store's
// session.
//
// # Reading order
//
// store.go says what a Store is. load.go has Get and New, save.go has Save and RenewID: each is a
// walk from top to bottom. update.go is for values that requests change at the same time, lock.go for
// requests that must run one at a time. values.go turns values into attributes and back, flashes.go flashes, track.go leads from a
// session to its load, lifetime.go says how long a session lives. cookie.go says what a cookie
// holds, header.go which cookies a response carries, apiheader.go how an id travels without them,
// keys.go which keys protect them. owners.go says whose a session is.
package gorillastore
