package web

import (
	"html/template"
	"log"
	"net"
	"net/http"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what the page "your devices" looks like.

var devices = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>Your devices</title>
<h1>Your devices</h1>
<p>{{len .All}} {{if eq (len .All) 1}}session{{else}}sessions{{end}} of {{.Name}}. <a href="/">Back</a></p>
<table>
{{range .All}}<tr><td>{{.Label}}</td><td>since {{.Created.UTC.Format "2006-01-02 15:04 UTC"}}</td><td>
{{- if .Is $.Here}}<b>this one</b>{{else}}<form method="post" action="/devices/end"><input type="hidden" name="ref" value="{{.Ref}}"><button>Log out there</button></form>{{end}}</td></tr>
{{end}}</table>
<form method="post" action="/devices/others"><button>Log out on all others</button></form>
`))

// Device is what a user is shown of the session that a request begins.
func Device(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return r.UserAgent() + " at " + host
}

// ShowDevices shows the page of a user's sessions; here is the id of the one that asks.
func ShowDevices(w http.ResponseWriter, name string, all []cluster.SessionInfo, here string) {
	w.Header().Set("Cache-Control", "no-store")
	data := struct {
		Name string
		All  []cluster.SessionInfo
		Here string
	}{name, all, here}
	if err := devices.Execute(w, data); err != nil {
		log.Print(err)
	}
}
