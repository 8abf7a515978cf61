package serializer

import (
	"reflect"
	"time"
)

// This file decides how much of a time.Time is kept: the instant and the offset from UTC, as gob
// keeps them.

// A time is a list: the seconds since 1970; the nanoseconds; the offset from UTC in seconds.
// Nanoseconds of zero are left out if nothing follows them, the offset in UTC.

// maxOffset is the largest offset from UTC, in seconds, that a time.Time itself marshals: 32767
// minutes.
const maxOffset = 32767 * 60

func (e *encoder) time(t time.Time) error {
	if err := e.enter(1, builtins[tagTime]); err != nil {
		return err
	}
	_, offset := t.Zone()
	switch {
	case t.Location() != time.UTC:
		if offset < -maxOffset || offset > maxOffset {
			return unsupported(builtins[tagTime], "its offset from UTC is out of range: keep its UTC()")
		}
		e.spend(1, zoneMemory)
		e.arrayLen(3)
		e.int(t.Unix())
		e.int(int64(t.Nanosecond()))
		e.int(int64(offset))
	case t.Nanosecond() != 0:
		e.arrayLen(2)
		e.int(t.Unix())
		e.int(int64(t.Nanosecond()))
	default:
		e.arrayLen(1)
		e.int(t.Unix())
	}
	e.leave(1)
	return nil
}

// time gives a time with an offset the local zone where that has the same offset at that moment,
// and else a zone without a name: a local time stays local between machines in one zone.
func (d *decoder) time() (time.Time, error) {
	n, err := d.array()
	if err != nil {
		return time.Time{}, err
	}
	parts := [3]int64{}
	if n < 1 || n > len(parts) {
		return time.Time{}, mismatch("time.Time")
	}
	for i := range n {
		if parts[i], err = d.int(); err != nil {
			return time.Time{}, err
		}
	}
	sec, nsec, offset := parts[0], parts[1], parts[2]
	if nsec < 0 || nsec >= 1e9 || offset < -maxOffset || offset > maxOffset {
		return time.Time{}, corrupt("a time out of range")
	}
	t := time.Unix(sec, nsec).Local() // Local, unlike Unix alone, also gives UTC its one form in a program that sets time.Local to it
	if n < len(parts) {
		return t.UTC(), nil
	}
	if err := d.spend(1, zoneMemory); err != nil {
		return time.Time{}, err
	}
	if _, local := t.Zone(); int64(local) != offset {
		t = t.In(time.FixedZone("", int(offset)))
	}
	return t, nil
}

var timePlan = plan{
	enc: func(e *encoder, v reflect.Value) error {
		if v.CanAddr() { // Interface would copy
			return e.time(*v.Addr().Interface().(*time.Time))
		}
		return e.time(v.Interface().(time.Time))
	},
	dec: func(d *decoder, v reflect.Value) error {
		t, err := d.time()
		if err == nil {
			*v.Addr().Interface().(*time.Time) = t
		}
		return err
	},
}
