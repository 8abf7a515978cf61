package serializer

// These tests show that what the encoder writes itself is what msgpack's Encoder writes.

import (
	"bytes"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

func TestEncoderWritesWhatMsgpackWrites(t *testing.T) {
	var theirs bytes.Buffer
	mp := msgpack.NewEncoder(&theirs)
	e := newEncoder()
	same := func(what string) {
		t.Helper()
		if !bytes.Equal(e.buf, theirs.Bytes()) {
			t.Errorf("%s: wrote %x, msgpack writes %x", what, e.buf, theirs.Bytes())
		}
		e.reset()
		theirs.Reset()
	}
	for shift := range 64 {
		for _, n := range []uint64{1<<shift - 1, 1 << shift, 1<<shift + 1} {
			e.uint(n)
			_ = mp.EncodeUint(n)
			same(fmt.Sprint("uint ", n))
			for _, n := range []int64{int64(n), -int64(n)} {
				e.int(n)
				_ = mp.EncodeInt(n)
				same(fmt.Sprint("int ", n))
			}
		}
	}
	for _, n := range []int{0, 1, 15, 16, 17, math.MaxUint16, math.MaxUint16 + 1} {
		e.arrayLen(n)
		_ = mp.EncodeArrayLen(n)
		same(fmt.Sprint("length ", n))
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1.5, math.MaxFloat64, math.Inf(-1), math.NaN()} {
		e.float64(f)
		_ = mp.EncodeFloat64(f)
		same(fmt.Sprint("float64 ", f))
	}
	for _, v := range []bool{false, true} {
		e.bool(v)
		_ = mp.EncodeBool(v)
		same(fmt.Sprint(v))
	}
}

func TestDeadlineIsWrittenAsAnyOtherTime(t *testing.T) {
	for _, at := range []time.Time{{}, noon, noon.In(far), noon.Add(1)} {
		e := newEncoder()
		if err := e.deadline(at); err != nil {
			t.Fatal(err)
		}
		if want, err := Marshal(at.UTC()); err != nil || !bytes.Equal(e.buf, want) {
			t.Errorf("%v: wrote %x, Marshal gives %x, %v", at, e.buf, want, err)
		}
		d := new(decoder)
		if got, err := d.deadline(e.buf); err != nil || !got.Equal(at) {
			t.Errorf("%v: read %v, %v", at, got, err)
		}
	}
}
