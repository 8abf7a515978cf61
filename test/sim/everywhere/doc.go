// Command everywhere tries whether "log out everywhere" does, on real memcached processes under fire.
//
// Users have several sessions each, on three instances of an app with both drivers. They log in, also
// while they log out everywhere, and renew their ids. Meanwhile nodes are killed and restarted empty,
// hung, and emptied, one at a time, each whole before the next, and the records of half of the users are
// evicted. After each DestroyAll that returned nil, and OwnerCheck later, every session that was
// acknowledged before the call is asked for on every instance: none may live, but the one that was
// excepted, which must. A session that was begun after the call has returned must live.
//
//	go run ./everywhere [-calls 2000] [-users 24] [-ownercheck 1s] [-seed n]
package main
