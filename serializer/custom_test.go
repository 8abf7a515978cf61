package serializer

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

type (
	// nullID behaves as google/uuid's NullUUID: its zero value is written as nothing, which it
	// cannot read.
	nullID struct {
		ID    ID
		Valid bool
	}

	// picky has methods that panic for the zero value, and pointer receivers only.
	picky struct{ set map[string]int }

	// session is what an app stores that has such types in all its places.
	places struct {
		Plain  nullID
		Ptr    *nullID
		List   []nullID
		ByName map[string]nullID
		Any    any
		Array  [2]picky
		Ptrs   []*picky
		Text   halfText
	}

	// halfText cannot read the text of its zero value.
	halfText struct{ n int }

	// msgpacked has an exported field, and methods for msgpack that leave half of it out.
	msgpacked struct {
		Name   string
		Secret string
		At     time.Time
	}

	// marshaled is the same by the other pair of methods.
	marshaled struct{ Name, Secret string }

	// greedy believes the length that it finds.
	greedy struct{ Items []string }
)

func (n nullID) MarshalBinary() ([]byte, error) {
	if !n.Valid {
		return nil, nil
	}
	return n.ID[:], nil
}

func (n *nullID) UnmarshalBinary(b []byte) error {
	n.Valid = len(b) == len(n.ID)
	return n.ID.UnmarshalBinary(b)
}

func (p *picky) GobEncode() ([]byte, error) {
	if p.set == nil {
		panic("not set")
	}
	return []byte(fmt.Sprint(len(p.set))), nil
}

func (p *picky) GobDecode(b []byte) error {
	p.set = map[string]int{}
	for i := range int(b[0] - '0') {
		p.set[fmt.Sprint(i)] = i
	}
	return nil
}

func (h halfText) MarshalText() ([]byte, error) { return bytes.Repeat([]byte("x"), h.n), nil }
func (h *halfText) UnmarshalText(b []byte) error {
	if h.n = len(b); len(b) == 0 {
		return errors.New("no text")
	}
	return nil
}

func (m *msgpacked) EncodeMsgpack(enc *msgpack.Encoder) error { return enc.EncodeMulti(m.Name, m.At) }

func (m *msgpacked) DecodeMsgpack(dec *msgpack.Decoder) error { return dec.DecodeMulti(&m.Name, &m.At) }

func (m marshaled) MarshalMsgpack() ([]byte, error) { return msgpack.Marshal(m.Name) }
func (m *marshaled) UnmarshalMsgpack(b []byte) error {
	return msgpack.Unmarshal(b, &m.Name)
}

func (g *greedy) EncodeMsgpack(enc *msgpack.Encoder) error { return enc.Encode(g.Items) }
func (g *greedy) DecodeMsgpack(dec *msgpack.Decoder) error {
	n, err := dec.DecodeArrayLen()
	g.Items = make([]string, max(0, n))
	return err
}

func init() {
	for _, v := range []any{nullID{}, picky{}, places{}, halfText{}, msgpacked{}, marshaled{}, greedy{}} {
		Register(v)
	}
}

func comesBack(t *testing.T, v any) {
	t.Helper()
	got, err := Unmarshal(mustMarshal(t, v))
	if err != nil {
		t.Fatalf("%#v was accepted, and then: %v", v, err)
	}
	mustEqual(t, got, v)
}

// A login with an unset NullUUID must not end the session: its methods write what they cannot read.
func TestTheZeroOfATypeWithMethodsComesBackAsZero(t *testing.T) {
	for _, v := range []any{
		nullID{},
		&nullID{}, (*nullID)(nil),
		[]nullID{{}, {ID{1}, true}},
		[]*nullID{nil, {}},
		map[string]nullID{"a": {}},
		map[nullID]nullID{{}: {}},
		[]any{nullID{}, &nullID{}},
		[2]nullID{},
		func() any { p := &nullID{}; return &p }(),
		picky{},
		&picky{},
		[]picky{{}, {map[string]int{"0": 0}}},
		halfText{},
		[]halfText{{}, {3}},
		failing{},
		panicking{},
		decimal{},
		[]*decimal{nil, {}},
		url.URL{},
		&url.URL{},
		ID{},
		msgpacked{},
		[]*marshaled{nil, {}},
		places{},
		&places{
			Ptr: &nullID{}, List: []nullID{{}}, ByName: map[string]nullID{"a": {}}, Any: nullID{}, Ptrs: []*picky{nil, {}},
		},
	} {
		comesBack(t, v)
	}
	if name, err := MarshalKey(nullID{}); err != nil {
		t.Error(err)
	} else if key, err := UnmarshalKey(name); err != nil || key != (nullID{}) {
		t.Errorf("%v, %v", key, err)
	}
}

// What was stored before the zero had a form of its own.
func TestAZeroThatMethodsHaveWrittenIsStillRead(t *testing.T) {
	old := append(append([]byte{0x92}, mustDescribe(t, decimal{})...), 0xc4, 4, 0, 0, 0, 0)
	got, err := Unmarshal(old)
	if err != nil || got.(decimal).exp != 0 || got.(decimal).value == nil {
		t.Fatalf("%#v, %v", got, err)
	}
	if !Equal(old, mustMarshal(t, got)) {
		t.Error("a zero decimal that the app left alone is a change")
	}
	if len(mustMarshal(t, ID{})) != len(mustMarshal(t, ID{1})) {
		t.Error("a zero that its methods bring back has another form than before")
	}
}

func mustDescribe(t *testing.T, v any) []byte {
	t.Helper()
	b := mustMarshal(t, v)
	raw, err := (&decoder{b: b, pos: 1}).raw()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestWhatMethodsCannotReadIsRefusedBeforeItIsStored(t *testing.T) {
	for name, v := range map[string]any{
		"an ID that is not valid":        nullID{ID: ID{1}},
		"inside":                         map[string]any{"a": []*nullID{{ID: ID{1}}}},
		"a URL that is none":             &url.URL{Scheme: "https", Host: "a b"},
		"more than its method reads":     greedy{[]string{"a"}},
		"that, in a struct in an any":    []any{&greedy{[]string{"a"}}},
		"a key that its method rejects":  map[nullID]int{{ID: ID{1}}: 1},
		"a text that its method rejects": []halfText{{3}, {-1}},
	} {
		_, err := Marshal(v)
		var refused *UnsupportedTypeError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "cannot read what its") && !strings.Contains(err.Error(), "panicked") && name != "a key that its method rejects" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMethodsForMsgpackAreUsed(t *testing.T) {
	for _, v := range []any{
		msgpacked{Name: "Ada", Secret: "hunter2", At: noon.Local()},
		[]msgpacked{{Name: "Ada", At: noon.Local()}},
		marshaled{"Ada", "hunter2"},
		map[string]*marshaled{"a": {"Ada", "hunter2"}},
	} {
		b := mustMarshal(t, v)
		if bytes.Contains(b, []byte("hunter2")) || !bytes.Contains(b, []byte("Ada")) {
			t.Errorf("%T: %q", v, b)
		}
		if _, err := Unmarshal(b); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
	comesBack(t, []msgpacked{{Name: "Ada", At: noon.Local()}, {}})
}

// Such structs were kept by their fields once.
func TestAStructWithMethodsForMsgpackIsReadByItsFieldsToo(t *testing.T) {
	typ := mustDescribe(t, marshaled{Name: "Ada"})
	fields := append(append([]byte{0x92}, typ...), "\x93\x92\xa4Name\xa6Secret\xa3Ada\xa1x"...)
	got, err := Unmarshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, marshaled{"Ada", "x"})
}

// msgpack's own Decoder believes every length, so that five bytes make it allocate four gigabytes.
func TestMethodsForMsgpackNeverSeeALengthThatIsNotTrue(t *testing.T) {
	for _, inner := range []string{"\xdd\x7f\xff\xff\xff", "\xdc\x00\x02\xa1a", "\xc7\xff\x01", "\xc1", "\xd8\x01\x01", strings.Repeat("\x91", 300)} {
		b := append(append([]byte{0x92}, mustDescribe(t, greedy{})...), 0xc5, 0, byte(len(inner)))
		b[len(b)-2] = byte(len(inner) >> 8)
		if v, err := Unmarshal(append(b, inner...)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%x became %v (%v)", inner, v, err)
		}
	}
}
