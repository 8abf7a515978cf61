// Package setup decides how a list of nodes and a configuration are written as text, and which of them are
// refused. An error says what to write instead, and shows nothing that may be a secret; it begins with
// "cluster: ", since apps get it from there.
//
// # Reading order
//
// env.go reads the variables of the environment. misspelt.go finds the ones that are almost one of them,
// source.go names where a list of nodes comes from, secrets.go reads keys and certificates. nodelist.go reads a
// list of nodes, check.go refuses one, however it was made, address.go says what an address may be.
package setup
