package owner

import (
	"math"
	"testing"
)

type userID int64

type login string

func TestText(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
		fails bool
	}{
		{"ann", "ann", false},
		{login("ann"), "ann", false},
		{7, "7", false},
		{userID(-7), "-7", false},
		{uint64(math.MaxUint64), "18446744073709551615", false},
		{0, "0", false},
		{"", "", false},
		{nil, "", false},
		{1.5, "", true},
		{[]byte("ann"), "", true},
		{[16]byte{1}, "", true},
		{struct{}{}, "", true},
	} {
		if got, err := Text(c.value); got != c.want || (err != nil) != c.fails {
			t.Errorf("%#v is %q, %v", c.value, got, err)
		}
	}
}
