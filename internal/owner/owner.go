// Package owner decides how the value that names a session's user is written as text. Both drivers
// use it, so that a user has one name in both, and at the command line.
package owner

import (
	"fmt"
	"reflect"
	"strconv"
)

// Text is the owner that a session value names: a string as it is, an integer in decimal. Nil names
// nobody. The error says what type the value has.
func Text(value any) (string, error) {
	switch v := reflect.ValueOf(value); {
	case !v.IsValid():
		return "", nil
	case v.Kind() == reflect.String:
		return v.String(), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), nil
	}
	return "", fmt.Errorf("a %T names no owner: use a string or an integer", value)
}
