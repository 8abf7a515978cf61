// Package doors decides, by asking, which addresses lead to one server: what is stored through one of them is found
// through the other. Looking names up leaves that open where a name has several addresses, which may be those of one
// host or of several, and where two nodes have the same port on addresses of this machine, on which one server may
// listen.
package doors
