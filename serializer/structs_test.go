package serializer

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// The pairs below stand for one type in two versions of a program: a name of the same length each, exchanged in the bytes.
type (
	accountBefore struct {
		Name    string
		Balance int32
		Old     []Point
		Limit   float32
		Owner   Point
		Extra   map[string]any
		Partner *Point
	}
	accountAfter struct {
		Limit   float64
		New     []string
		Name    string
		Partner Point
		Owner   *Point
		Balance int64
	}
	accountNarrow struct{ Balance int8 }
	accountOther  struct{ Name []int }
	accountEmpty  struct{}
)

func init() {
	RegisterName("account.0", accountBefore{})
	RegisterName("account.1", accountAfter{})
	RegisterName("account.2", accountNarrow{})
	RegisterName("account.3", accountOther{})
	RegisterName("account.4", accountEmpty{})
}

func as(t *testing.T, v any, version string) (any, error) {
	t.Helper()
	b, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range "01234" {
		b = bytes.ReplaceAll(b, []byte("account."+string(n)), []byte("account."+version))
	}
	return Unmarshal(b)
}

func TestFieldsMayComeGoMoveAndWiden(t *testing.T) {
	old := accountBefore{"Ada", -7, []Point{{1, 2}}, 1.5, Point{3, 4}, map[string]any{"x": []Point{{5, 6}}}, nil}
	got, err := as(t, []accountBefore{old, {Name: "Bob", Partner: &Point{8, 9}}}, "1")
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, []accountAfter{
		{Name: "Ada", Balance: -7, Limit: 1.5, Owner: &Point{3, 4}},
		{Name: "Bob", Owner: &Point{}, Partner: Point{8, 9}},
	})
}

func TestAFieldMayBeTheFirstOrTheLast(t *testing.T) {
	got, err := as(t, accountEmpty{}, "1")
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, accountAfter{})
	got, err = as(t, accountAfter{Name: "Ada"}, "4")
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, accountEmpty{})
}

// A shape that first stands in a field that is skipped must still be found by those that refer to it.
func TestSkippedFieldsMayHoldTheShapeThatLaterOnesUse(t *testing.T) {
	got, err := as(t, accountBefore{Old: []Point{{1, 2}}, Owner: Point{3, 4}, Extra: map[string]any{"gone": unregisteredIn(t)}}, "1")
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, accountAfter{Owner: &Point{3, 4}})
}

func unregisteredIn(t *testing.T) any {
	t.Helper()
	return []any{accountNarrow{3}, time.Second}
}

func TestAFieldThatNoLongerFitsIsAnErrorThatNamesIt(t *testing.T) {
	for version, field := range map[string]string{"2": ".Balance", "3": ".Name"} {
		_, err := as(t, []accountBefore{{}, {Name: "Ada", Balance: 1 << 20}}, version)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), field) {
			t.Errorf("version %s: %v", version, err)
		}
	}
}

func TestAListOfStructsNamesItsFieldsOnce(t *testing.T) {
	b, err := Marshal([]Item{{SKU: "a"}, {SKU: "b"}, {SKU: "c"}})
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("Count")); n != 1 {
		t.Errorf("%d times", n)
	}
}

func TestTypeNamesThatAreNotRegisteredHereAreNamed(t *testing.T) {
	_, err := as(t, []any{accountBefore{}}, "9")
	var missing *UnregisteredTypeError
	if !errors.As(err, &missing) || missing.Name != "account.9" || !strings.Contains(err.Error(), "account.9") {
		t.Errorf("got %v", err)
	}
	long, _ := Marshal([]any{accountBefore{}})
	long = bytes.Replace(long, []byte("\xa9account.0"), append([]byte{0xda, 0x40, 0x00}, bytes.Repeat([]byte("x"), 0x4000)...), 1)
	if _, err := Unmarshal(long); !errors.As(err, &missing) || len(err.Error()) > 600 {
		t.Errorf("got %.100v", err)
	}
}
