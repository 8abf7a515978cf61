// Package serializer turns session values into bytes and back, with the same Go type.
package serializer
