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
// Nothing else changes in the app: no middleware, no call. [Store] has the
// methods of scs.Store and scs.CtxStore; this package does not import scs.
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
// # Which find belongs to which commit
//
// To tell what a request has changed, its commit is compared with what its find
// returned. The two are matched by the token and the Done channel of the context
// they are called with, which net/http makes anew for each request and which
// context.WithValue keeps. This is what scs's LoadAndSave does by itself, also
// around or inside http.TimeoutHandler, and also when the client has gone away
// before the handler is finished.
//
// Three kinds of commit cannot be matched, and replace all values of the
// session, as they would in any other store:
//
//   - with a context that has a Done channel of its own, such as
//     sessions.Commit(ctx) after ctx, cancel := context.WithTimeout(r.Context(), d);
//     pass r.Context() instead;
//   - with a context that has no Done channel: context.Background, the requests
//     of httptest.NewRequest, and the methods without a context;
//   - of requests that share one Done channel, as some adapters to servers other
//     than net/http let them: where those run at the same time for one session,
//     the later save may stand whole.
//
// What is remembered between find and commit is released by the garbage
// collector together with the request's context. At most 16 sessions are
// remembered for one context.
//
// # Iteration
//
// scs's IterableStore is not implemented, so SessionManager.Iterate panics, as scs
// documents it. Sessions are stored under hashes of their tokens: whoever can list
// the keys of a node learns no token, and neither can this package.
package scsstore
