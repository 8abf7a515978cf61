// Package docs holds the README and the pages under docs to the code: each link leads somewhere, each
// Go block compiles, each shell block is well-formed and names what there is, the programs to paste
// run and survive a dead node, and the pages that list settings, errors and log lines list all of
// them.
package docs
