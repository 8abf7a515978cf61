// Package upstream runs the tests of the libraries that apps use with holdfast, with the store
// swapped: those of scs, with both codecs, those that gin-contrib/sessions has for stores, and those
// of echo-contrib/session.
//
// None of their code lies here. The go command fetches the modules as it fetches any dependency, and
// its -overlay flag shows their files as a package of this module, with the store replaced in one
// line.
package upstream
