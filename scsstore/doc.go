// Package scsstore keeps the sessions of github.com/alexedwards/scs on memcached
// nodes of a [cluster.Cluster], each on two of them, so that a session outlives
// the node it was stored on.
//
//	nodes, err := cluster.ParseNodes("n1:10.0.0.1:11211,n2:10.0.0.2:11211,n3:10.0.0.3:11211")
//	c, err := cluster.New(cluster.Config{Nodes: nodes})
//	sessions := scs.New()
//	sessions.Store = scsstore.New(c)
//	sessions.Codec = serializer.Codec{}
//
// Nothing else has to change in the app: no middleware, no call. [Store] has the
// methods of scs.Store and scs.CtxStore.
//
// # Codecs
//
// With [serializer.Codec] every session value is stored as an attribute of its
// own. Two requests of one session that run at the same time and change
// different values both keep their change; where they change the same value, the
// later one stands.
//
// With any other codec, scs's own gob codec included, a session is one
// piece of bytes to this package: of two requests that save at the same time, the
// later save stands whole.
//
// A session that was written with one codec cannot be read with another: scs
// then fails every request of that user. When the codec of a running app
// changes, set [Store.Accept], or change [cluster.Config.KeyPrefix].
//
// An attribute has changed when its value has, not when its bytes have: one that the
// app left alone keeps what is stored, whatever its type makes of it when it is encoded
// again, and whatever an older version of the program does not know of it.
//
// # Which find belongs to which commit
//
// To tell what a request has changed, its commit is compared with the find that its
// values come from: the first of the request, where it finds its session more than once.
//
// With [serializer.Codec] the values themselves tell: the bytes that Find returned were
// decoded to the map that scs keeps, and from this map come the bytes that are
// committed. So it does not matter with which context a session is committed, and when:
// context.WithoutCancel, another context.WithTimeout, context.Background, the requests of
// package httptest, requests of servers other than net/http that share one context.
//
// With another codec, also one around serializer.Codec that passes copies on, the context
// tells: contexts that are made of one request's belong together since
// [Store.LoadAndSave], and without that by their Done channel, which net/http makes anew
// for each request and which context.WithValue keeps. A commit that cannot be matched
// replaces all values of the session, as it would in any other store. With another codec
// and scs's own LoadAndSave this is one
//
//   - with a context that has a Done channel of its own, such as
//     sessions.Commit(ctx) after ctx, cancel := context.WithTimeout(r.Context(), d);
//   - with a context that has no Done channel: context.Background,
//     context.WithoutCancel, the requests of httptest.NewRequest, and the methods without
//     a context;
//   - of requests that share one Done channel, as some adapters to servers other
//     than net/http let them: where those run at the same time for one session,
//     the later save may stand whole.
//
// What is remembered between find and commit is released by the garbage collector,
// together with the request's values and context. At most 16 sessions are remembered for
// one context.
//
// # Sessions that are destroyed while a request is running
//
// A session that another request has destroyed stays destroyed, and one that has ended
// since it was found stays ended, whatever a slow request then commits for it. It does not
// live on under a new token either: after RenewToken only what the request itself has put
// is stored, and nothing where a session is one piece. The commit of such a request
// is no error, unless [Store.ReportDestroyed] is set. With [Store.LoadAndSave] in the place
// of scs's own its answer goes out without a cookie: by then the browser may hold
// that of a new login.
//
// RenewToken gives the new token what its own request knows of the session: what other
// requests have changed since that request found it is not carried over. To a store a
// renewal looks like a logout and a new session, and no value may live on past a logout.
// Call it early in the request, as at a login.
//
// # Iteration
//
// scs's IterableStore is not implemented, so SessionManager.Iterate panics, as scs
// documents it. Sessions are stored under hashes of their tokens: whoever can list
// the keys of a node learns no token, and neither can this package.
package scsstore
