// Package page has what the example apps of all frameworks show and ask: one page, and the values
// of its forms.
package page

import (
	"html/template"
	"io"
	"slices"
)

// View is what the page shows.
type View struct {
	Framework string
	Name      string   // "" for a stranger
	Cart      []string // what is in the cart
	Flash     string   // shown once
}

var page = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>holdfast with {{.Framework}}</title>
<h1>{{if .Name}}Hello, {{.Name}}{{else}}Hello, stranger{{end}}</h1>
{{with .Flash}}<p role="status">{{.}}</p>{{end}}
<ul>{{range .Cart}}<li>{{.}}</li>{{else}}<li>The cart is empty.</li>{{end}}</ul>
<form method="post" action="/cart"><label>Item <input name="item" required maxlength="40"></label> <button>Put into the cart</button></form>
{{if .Name}}<form method="post" action="/logout"><button>Log out</button></form>
{{else}}<form method="post" action="/login"><label>Name <input name="name" required maxlength="40"></label> <button>Log in</button></form>
{{end}}`))

// Write writes the page.
func Write(w io.Writer, v View) error { return page.Execute(w, v) }

// OutOfReach is what users read during an outage.
const OutOfReach = "Sessions are out of reach. Please try again in a moment."

// Ok reports whether the text of a form's field can be used.
func Ok(field string) bool { return field != "" && len(field) <= 200 }

// With returns a new cart with one more item: at most 20, the newest ones. It is a new slice, since
// a session may share the old one.
func With(cart []string, item string) []string {
	cart = append(slices.Clone(cart), item)
	return cart[max(0, len(cart)-20):]
}
