// Package turns decides in which order those go that work on one key in this process, and which of them go
// together: one turn at a time, in the order of arrival.
package turns
