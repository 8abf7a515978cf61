// Package scsstore keeps the sessions of github.com/alexedwards/scs on memcached nodes of a
// [cluster.Cluster]. Each session lies on two nodes, so that it outlives the death of either.
//
//	nodes, err := cluster.ParseNodes("n1:10.0.0.1:11211,n2:10.0.0.2:11211,n3:10.0.0.3:11211")
//	c, err := cluster.New(cluster.Config{Nodes: nodes})
//	sessions := scs.New()
//	sessions.Store = scsstore.New(c)
//	sessions.Codec = serializer.Codec{}
//
// Nothing else has to change in the app: no middleware, no call. [Store] has the methods of
// scs.Store and scs.CtxStore.
//
// # Codecs
//
// With [serializer.Codec] every session value is stored as an attribute of its own. If two requests
// of one session run at the same time and change different values, both changes are kept; if they
// change the same value, the later change wins, unless both do so in [Store.Update], which loses
// neither. scs has no flashes: Pop shows a value once per request, and two requests that Pop it at once
// both show it, unless they do so in Update.
//
// With any other codec, scs's own gob codec included, this package cannot tell values apart: it
// stores the session as one attribute. If two requests save at the same time, the later save
// replaces the session.
//
// A session that was written with one codec cannot be read with another: scs then fails every
// request of that user. When a running app changes to serializer.Codec, set its Former to the codec
// of before, which reads these sessions, or [Store.Accept], which starts them anew:
//
//	sessions.Codec = serializer.Codec{Former: scs.GobCodec{}}
//
// The first save of such a session stores each value as an attribute of its own. Of two parallel
// requests that both save it for the first time, the later one wins, as before.
//
// An attribute has changed when its value has changed, not when its bytes have. A value that the
// app left alone keeps its stored bytes, also if its type encodes to other bytes each time, or if
// an older version of the program does not know all of its fields.
//
// # Which find belongs to which commit
//
// To tell what a request has changed, Commit compares the values with those of the find that they
// come from. If a request finds its session more than once, its first find counts.
//
// With [serializer.Codec] the values themselves lead to their find: Find returned the bytes, the
// codec decoded these bytes to the map that scs keeps, and encoded this map to the bytes that are
// committed. So the context of the commit does not matter, nor its time: context.WithoutCancel,
// another context.WithTimeout, context.Background, the requests of package httptest, and requests
// of servers other than net/http that share one context all work.
//
// With another codec, also one around serializer.Codec that passes copies on, the context leads to
// the find. [Store.LoadAndSave] marks the contexts of one request. Without it, contexts with the
// same Done channel belong to one request: net/http makes this channel anew for each request, and
// context.WithValue keeps it. A commit whose find is not known replaces all values of the session,
// as it would in any other store. With another codec and scs's own LoadAndSave these are commits
//
//   - with a context that has a Done channel of its own, such as
//     sessions.Commit(ctx) after ctx, cancel := context.WithTimeout(r.Context(), d);
//   - with a context that has no Done channel: context.Background,
//     context.WithoutCancel, the requests of httptest.NewRequest, and the methods without
//     a context;
//   - of requests that share one Done channel, as some adapters to servers other
//     than net/http let them: if such requests of one session run at the same time, the later save
//     may replace the session.
//
// The garbage collector releases what is remembered between find and commit, together with the
// request's values and context. At most 16 sessions are remembered for one context.
//
// # Sessions that are destroyed while a request is running
//
// A session that another request has destroyed stays destroyed, and a session that has ended since
// it was found stays ended, whatever a slow request commits for it afterwards. It does not live on
// under a new token either: after RenewToken only the values that the request itself has put are
// stored, and nothing if the session is stored as one attribute. The commit of such a request
// returns no error, unless [Store.ReportDestroyed] is set. With [Store.LoadAndSave] in the place of
// scs's own the answer goes out without a cookie, because by then the browser may hold the cookie
// of a new login.
//
// RenewToken gives the new token the values that its own request knows. Changes that other requests
// have made since that request found the session are not carried over: to a store a renewal looks
// like a logout followed by a new session, and no value may live on past a logout. Call RenewToken
// early in the request, as at a login.
//
// # A user's sessions
//
// With [Store.OwnerKey] the app can show a user where he is logged in, and log him out there:
// [Store.Sessions], [Store.Destroy], [Store.DestroyAll], [WithLabel].
//
// # Iteration
//
// SessionManager.Iterate works where nodes list their keys. Sessions are stored under hashes of
// their tokens, so what stands for a token in it is a handle, good in this process only: see
// [Store.AllCtx].
//
// # Reading order
//
// store.go has the verbs of scs: find, commit, delete. update.go is for values that requests change at
// the same time, lock.go for requests that must run one at a time. payload.go turns the bytes of a codec into
// attributes and back. snapshots.go says which find a commit belongs to, request.go which contexts
// belong to one request, renewal.go what a session keeps under a new token. loadandsave.go is the
// middleware, answer.go the moment at which an answer begins.
package scsstore
