package serializer_test

import (
	"bytes"
	"encoding/gob"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/holdfast-go/holdfast/serializer"
)

// updateDocs writes the tables of the page anew: go test ./serializer -run ComingFromGob
// -update-docs
var updateDocs = flag.Bool("update-docs", false, "write the tables of docs/coming-from-gob.md")

const gobPage = "../docs/coming-from-gob.md"

// The types of the page. Each is registered with both encoders in the way that init says.
type (
	Order   struct{ Items []string } // by a value
	Invoice struct{ Items []string } // by a pointer
	Unknown struct{ A int }          // not at all
	Filter  struct {
		Tags  []string
		Pages *int
	}
	Callback struct {
		Name string
		Done func()
	}
	Notes struct {
		Name    string
		private string
	}
	Visit struct {
		time.Time
		Page string
	}
	Account struct {
		Name string
		Hash string `json:"-"`
	}
	Token struct {
		Name   string
		Secret string `msgpack:"-"`
	}
	Buffered struct {
		Name string
		_    [8192]byte
	}
	Packed struct{ Name, Note string }
	NullID struct {
		ID    [2]byte
		Valid bool
	}
	Holder struct {
		Name string
		ID   NullID
	}
	Narrow struct {
		Name string
		N    int32
	}
	Wide struct {
		Name string
		N    int64
	}
	Shorter struct{ Name string }
	Signed  struct {
		Name string
		N    uint32
	}
	Pointing struct {
		Name string
		N    *int64
	}
)

// NullID has the methods of google/uuid's NullUUID, which write nothing for the zero value and
// cannot read that.
func (n NullID) MarshalBinary() ([]byte, error) {
	if !n.Valid {
		return nil, nil
	}
	return n.ID[:], nil
}

func (n *NullID) UnmarshalBinary(b []byte) error {
	if n.Valid = copy(n.ID[:], b) == 2; !n.Valid {
		return fmt.Errorf("%d bytes", len(b))
	}
	return nil
}

func (p *Packed) EncodeMsgpack(enc *msgpack.Encoder) error { return enc.EncodeString(p.Name) }
func (p *Packed) DecodeMsgpack(dec *msgpack.Decoder) (err error) {
	p.Name, err = dec.DecodeString()
	return err
}

func init() {
	for _, v := range []any{
		Order{}, &Invoice{}, Filter{}, Callback{}, Notes{}, Visit{}, Account{}, Token{}, Buffered{}, Packed{}, NullID{}, Holder{},
	} {
		serializer.Register(v)
		gob.Register(v)
	}
}

// A gobRow is a value that an app stores.
type gobRow struct {
	stored string
	value  any
}

func gobRows() []gobRow {
	zero := 0
	return []gobRow{
		{"`Order{…}`, registered as `Order{}`", Order{[]string{"pen"}}},
		{"`&Order{…}`, registered as `Order{}`", &Order{[]string{"pen"}}},
		{"`Invoice{…}`, registered as `&Invoice{}`", Invoice{[]string{"pen"}}},
		{"`&Invoice{…}`, registered as `&Invoice{}`", &Invoice{[]string{"pen"}}},
		{"`(*Order)(nil)`", (*Order)(nil)},
		{"`Unknown{…}`, not registered", Unknown{1}},
		{"`[]Order{…}`, only `Order` registered", []Order{{[]string{"pen"}}}},
		{"`map[string]*Order{…}`, only `Order` registered", map[string]*Order{"a": {[]string{"pen"}}}},
		{"`map[string]bool{…}`, not registered", map[string]bool{"a": true}},
		{"`[]byte{}`", []byte{}},
		{"a struct with an empty slice in a field", Filter{Tags: []string{}}},
		{"a struct with a pointer to a zero in a field", Filter{Pages: &zero}},
		{"a struct with a function in a field", Callback{"a", func() {}}},
		{"a struct with an unexported field", Notes{"a", "b"}},
		{"a struct with 8 KiB in an unexported field", Buffered{Name: "a"}},
		{"`struct{ time.Time; Page string }`", Visit{time.Unix(0, 0).UTC(), "/"}},
		{"a struct with text in a field with `json:\"-\"`", Account{"a", "b"}},
		{"a struct with text in a field with `msgpack:\"-\"`", Token{"a", "b"}},
		{"a struct whose EncodeMsgpack leaves out `Note`", Packed{"a", "b"}},
		{"a zero whose methods cannot read it, such as `uuid.NullUUID{}`", NullID{}},
		{"the same in a field of a struct", Holder{Name: "a"}},
		{"`time.Now()`, in all but the monotonic reading", time.Now().Round(0)},
		{"`time.Duration`", time.Second},
		{"`nil`", nil},
	}
}

// A gobMove is a struct that another version of the program reads.
type gobMove struct {
	what  string
	value any
	into  any
}

func gobMoves() []gobMove {
	n := int64(7)
	return []gobMove{
		{"a field is gone", Narrow{"a", 7}, Shorter{}},
		{"a field is new", Shorter{"a"}, Narrow{}},
		{"`int32` has become `int64`", Narrow{"a", 7}, Wide{}},
		{"`int64` read by an instance with `int32`: 7", Wide{"a", 7}, Narrow{}},
		{"`int64` read by an instance with `int32`: 1<<40", Wide{"a", 1 << 40}, Narrow{}},
		{"`int32` has become `uint32`", Narrow{"a", 7}, Signed{}},
		{"`int64` has become `*int64`", Wide{"a", 7}, Pointing{}},
		{"`*int64` has become `int64`", Pointing{"a", &n}, Wide{}},
	}
}

func throughBoth(v any) (theirs, ours string) {
	var buf bytes.Buffer
	var back any
	if err := gob.NewEncoder(&buf).Encode(&v); err != nil {
		theirs = "refused"
	} else if err := gob.NewDecoder(&buf).Decode(&back); err != nil {
		theirs = "**stored, then unreadable**"
	} else {
		theirs = verdict(v, back)
	}
	b, err := serializer.Marshal(v)
	if err != nil {
		return theirs, "refused"
	}
	if back, err = serializer.Unmarshal(b); err != nil {
		return theirs, "**stored, then unreadable**"
	}
	return theirs, verdict(v, back)
}

func verdict(in, out any) string {
	switch {
	case reflect.TypeOf(in) != reflect.TypeOf(out):
		return fmt.Sprintf("a `%s`", short(fmt.Sprintf("%T", out)))
	case reflect.DeepEqual(in, out):
		return "the same"
	}
	// Not all types show what they hold: Visit has the methods of the time in it.
	if s := short(fmt.Sprintf("%#v", out)); len(s) < 70 && strings.HasPrefix(s, short(fmt.Sprintf("%T", out))) {
		return "`" + s + "`"
	}
	return "a part of it"
}

func short(s string) string { return strings.ReplaceAll(s, "serializer_test.", "") }

// readAs reads what one version of a program has stored in another. Both types have one name, which
// cannot be in one program: gob reads into a type without asking for it, and in holdfast's bytes
// one name is put in the place of the other.
func readAs(m gobMove) (theirs, ours string) {
	was, is := reflect.TypeOf(m.value), reflect.TypeOf(m.into)
	var buf bytes.Buffer
	into := reflect.New(is)
	theirs = "unreadable"
	if err := gob.NewEncoder(&buf).Encode(m.value); err == nil && gob.NewDecoder(&buf).Decode(into.Interface()) == nil {
		theirs = "read"
	}
	name := func(t reflect.Type) string { return fmt.Sprintf("page.%-8s", t.Name()) }
	serializer.RegisterName(name(was), m.value)
	serializer.RegisterName(name(is), m.into)
	b, err := serializer.Marshal(m.value)
	if err != nil {
		return theirs, err.Error()
	}
	ours = "unreadable"
	if back, err := serializer.Unmarshal(bytes.ReplaceAll(b, []byte(name(was)), []byte(name(is)))); err == nil && reflect.TypeOf(back) == is {
		ours = "read"
	}
	return theirs, ours
}

func gobTables() map[string]string {
	values := "| you store | gob gives back | holdfast gives back |\n|---|---|---|\n"
	for _, row := range gobRows() {
		theirs, ours := throughBoth(row.value)
		values += fmt.Sprintf("| %s | %s | %s |\n", row.stored, theirs, ours)
	}
	moves := "| in a struct | gob | holdfast |\n|---|---|---|\n"
	for _, m := range gobMoves() {
		theirs, ours := readAs(m)
		moves += fmt.Sprintf("| %s | %s | %s |\n", m.what, theirs, ours)
	}
	return map[string]string{"values": values, "versions": moves}
}

// The page says what both encoders do, and so it is made by running them.
func TestComingFromGobSaysWhatBothEncodersDo(t *testing.T) {
	page, err := os.ReadFile(gobPage)
	if err != nil {
		t.Fatal(err)
	}
	written := string(page)
	for name, table := range gobTables() {
		start, end := "<!-- table "+name+" -->\n", "<!-- end -->"
		before, rest, ok := strings.Cut(written, start)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for the table %q", gobPage, name)
		}
		written = before + start + table + end + after
	}
	if written == string(page) {
		return
	}
	if !*updateDocs {
		t.Fatalf("%s is out of date: go test ./serializer -run ComingFromGob -update-docs", gobPage)
	}
	if err := os.WriteFile(gobPage, []byte(written), 0o644); err != nil {
		t.Fatal(err)
	}
}
