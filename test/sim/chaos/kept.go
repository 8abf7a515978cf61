package main

import (
	"bytes"
	"encoding/gob"
	"strings"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides which kinds of values sessions hold. Of some the bytes say nothing: an
// instance that reads and writes such a value, and leaves it alone, writes it in other bytes.

// The attributes that hold such values; all others are strings.
const (
	bagName     = "bag"
	profileName = "profile"
)

// bag encodes itself in another order each time.
type bag struct{ entries map[string]string }

func newBag(text string) bag {
	b := bag{map[string]string{"text": text}}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		b.entries[name] = name
	}
	return b
}

// GobEncode writes the entries in the order of the map, which is none.
func (b bag) GobEncode() ([]byte, error) {
	var out bytes.Buffer
	for name, text := range b.entries {
		out.WriteString(name + "=" + text + "\n")
	}
	return out.Bytes(), nil
}

// GobDecode reads what GobEncode wrote.
func (b *bag) GobDecode(data []byte) error {
	b.entries = map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		b.entries[name] = text
	}
	return nil
}

// profile is a value of two versions of the app: the newer one knows a field more. The older
// one reads profiles, and never changes one.
type (
	oldProfile struct{ Name string }
	profile    struct{ Name, Mail string }
)

// register names the types for the version of the app that this process runs.
func register(older bool) {
	var p any = profile{}
	if older {
		p = oldProfile{}
	}
	for _, name := range []func(string, any){serializer.RegisterName, gob.RegisterName} {
		name("chaos.bag", bag{})
		name("chaos.profile", p)
	}
}

// valueOf returns what a session keeps for a text under that name.
func valueOf(name, text string) any {
	switch name {
	case bagName:
		return newBag(text)
	case profileName:
		return profile{text, text}
	}
	return text
}

// textOf is the way back. A profile that has lost its mail shows as none.
func textOf(value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bag:
		text, ok = v.entries["text"]
		return text, ok
	case oldProfile:
		return v.Name, true
	case profile:
		return v.Mail, v.Mail != ""
	}
	return "", false
}
