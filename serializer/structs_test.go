package serializer

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// The pairs below stand for one type in two versions of a program: a name of the same length each,
// exchanged in the bytes.
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

type (
	narrow struct {
		N    int32
		U    uint8
		F    float32
		C    complex64
		List []int16
		ByID map[string]int8
	}
	wide64 struct {
		N    int64
		U    uint64
		F    float64
		C    complex128
		List []int64
		ByID map[string]int
	}
)

// While instances of two versions of a program share sessions, the older one reads what the newer
// one has written into wider fields, as it would from gob: as long as the numbers fit.
func TestAnOlderInstanceReadsWiderNumbersThatFit(t *testing.T) {
	RegisterName("width.0", narrow{})
	RegisterName("width.1", wide64{})
	read := func(v wide64) (any, []byte, error) {
		stored := stamped(t, v, "width.1", "width.0")
		got, err := Unmarshal(stored)
		return got, stored, err
	}
	got, stored, err := read(wide64{-5, 200, 1.1, complex(1.1, 2), []int64{1, -300}, map[string]int{"a": -128}})
	if err != nil {
		t.Fatal(err)
	}
	want := narrow{-5, 200, 1.1, complex(1.1, 2), []int16{1, -300}, map[string]int8{"a": -128}}
	mustEqual(t, got, want)
	if !Equal(stored, mustMarshal(t, want)) {
		t.Error("an older instance that left the value alone has changed it")
	}
	for field, v := range map[string]wide64{
		".N": {N: 1 << 31}, ".U": {U: 256}, ".F": {F: 1e39}, ".C": {C: complex(0, -1e39)}, ".List[1]": {List: []int64{0, 1 << 15}}, ".ByID[*]": {ByID: map[string]int{"a": 128}},
	} {
		_, _, err := read(v)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), field+": the number is too large for ") {
			t.Errorf("%s: %v", field, err)
		}
	}
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

// A shape that first stands in a field that is skipped must still be found by those that refer to
// it.
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
