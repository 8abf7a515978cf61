package cluster

// This file decides how a secret is kept in memory so that nobody prints it by mistake.
// Package fmt calls no methods of what it finds in unexported fields: it prints strings,
// bytes and arrays as they are, whatever their type forbids. Of a func, and of a pointer
// inside another value, it prints the address. So a secret string is the result of a func,
// and secret bytes are behind a pointer.

// secret is a string that no verb shows, wherever it is embedded.
type secret func() string

func secretOf(s string) secret { return func() string { return s } }

// String is for those who print the secret itself.
func (secret) String() string { return "(secret)" }
