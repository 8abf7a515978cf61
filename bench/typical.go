package main

import (
	"encoding/gob"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides what a typical session holds: ten plain values, a struct and a
// slice, as a shop would keep them.

type account struct {
	ID    int64
	Name  string
	Email string
	Roles []string
	Since time.Time
	Admin bool
}

const userID = 48213

func init() {
	gob.Register(account{})
	gob.Register([]string(nil))
	gob.Register(time.Time{})
	serializer.Register(account{})
}

func typical() map[string]any {
	return map[string]any{
		"userID":   userID,
		"visits":   17,
		"csrf":     "q7mC0yq3hQ2mXw8uJt4Zp1rVb6Ka9LdN",
		"locale":   "en-GB",
		"theme":    "dark",
		"returnTo": "/orders/2024/000417",
		"lastSeen": time.Date(2025, 3, 14, 9, 26, 53, 0, time.UTC),
		"remember": true,
		"balance":  128.75,
		"step":     int64(3),
		"account": account{
			ID: userID, Name: "Ann Example", Email: "ann@example.com",
			Roles: []string{"customer", "reviewer"}, Since: time.Date(2019, 7, 1, 0, 0, 0, 0, time.UTC),
		},
		"cart": []string{"sku-1004", "sku-2231", "sku-0087", "sku-5512"},
	}
}

// padded is a typical session with a note that brings it to about size bytes.
func padded(size int) map[string]any {
	m := typical()
	const plain = 450 // about what the rest takes
	if size > plain {
		m["note"] = strings.Repeat("a note. ", (size-plain)/8)
	}
	return m
}
