package memcached

// This file decides how the password is kept in memory so that nobody prints it by mistake:
// package fmt prints strings in unexported fields as they are, and of a func the address.

// secret is a string that no verb shows, wherever it is embedded.
type secret func() string

func secretOf(s string) secret { return func() string { return s } }

// String is for those who print the secret itself.
func (secret) String() string { return "(secret)" }
