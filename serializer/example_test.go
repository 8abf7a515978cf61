package serializer_test

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/serializer"
)

type Cart struct {
	Items []string
	Total float64
}

func init() {
	serializer.Register(Cart{})
}

func ExampleRegister() {
	type Coupon struct{ Code string }

	_, err := serializer.Marshal(Coupon{"SPRING"})
	fmt.Println(err)

	serializer.Register(Coupon{}) // in an init function, usually
	_, err = serializer.Marshal([]*Coupon{{"SPRING"}})
	fmt.Println(err)
	// Output:
	// serializer: cannot keep a value of type serializer_test.Coupon: it is not registered: call serializer.Register with a value of this type when the program starts
	// <nil>
}

func ExampleMarshal() {
	for _, v := range []any{7, int64(7), 90 * time.Second, []string{"a", "b"}, Cart{[]string{"pen"}, 1.5}, &Cart{}} {
		b, err := serializer.Marshal(v)
		if err != nil {
			fmt.Println(err)
			return
		}
		back, err := serializer.Unmarshal(b)
		fmt.Printf("%T %v %v\n", back, back, err)
	}
	// Output:
	// int 7 <nil>
	// int64 7 <nil>
	// time.Duration 1m30s <nil>
	// []string [a b] <nil>
	// serializer_test.Cart {[pen] 1.5} <nil>
	// *serializer_test.Cart &{[] 0} <nil>
}

// A type that was example.org/shop.Basket has moved: what is stored under the old name is read.
func ExampleRegisterAlias() {
	type Basket struct{ Items []string }

	serializer.RegisterName("example.com/shop.Basket", Basket{})
	stored, err := serializer.Marshal(Basket{[]string{"pen"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	stored = bytes.Replace(stored, []byte("com/shop."), []byte("org/shop."), 1) // as by another version

	_, err = serializer.Unmarshal(stored)
	fmt.Println(err)

	serializer.RegisterAlias("example.org/shop.Basket", Basket{})
	v, err := serializer.Unmarshal(stored)
	fmt.Printf("%T %v %v\n", v, v, err)
	// Output:
	// serializer: no type is registered here as "example.org/shop.Basket": call serializer.Register with a value of that type when the program starts, or, if the type has moved or was renamed since, serializer.RegisterName with this name, or RegisterAlias to only read it
	// serializer_test.Basket {[pen]} <nil>
}

func ExampleEqual() {
	a, err := serializer.Marshal(Cart{Items: []string{"pen"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := serializer.Marshal(Cart{Items: []string{"pen", "ink"}})
	fmt.Println(serializer.Equal(a, a), serializer.Equal(a, b), err)
	// Output: true false <nil>
}

func ExampleMarshalKey() {
	for _, key := range []any{"1", 1, int64(1)} {
		name, err := serializer.MarshalKey(key)
		fmt.Printf("%q %v\n", name, err)
	}
	// Output:
	// "s1" <nil>
	// "k\x01" <nil>
	// "k\x92\a\x01" <nil>
}

func ExampleCodec() {
	manager := scs.New()
	manager.Codec = serializer.Codec{}

	deadline := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	b, err := manager.Codec.Encode(deadline, map[string]any{"user": 42, "cart": Cart{Total: 1.5}})
	if err != nil {
		fmt.Println(err)
		return
	}
	until, values, err := manager.Codec.Decode(b)
	fmt.Println(until.Year(), values["user"], values["cart"], err)

	_, err = manager.Codec.Encode(deadline, map[string]any{"done": make(chan int)})
	fmt.Println(err)
	// Output:
	// 2030 42 {[] 1.5} <nil>
	// session key "done": serializer: cannot keep a value of type chan int: a chan means nothing outside this process
}

// A session that holds a value of a type that is gone goes on without it.
func ExampleCodec_onDecodeError() {
	codec := serializer.Codec{
		OnDecodeError: func(key string, err error) error {
			if key != "" && errors.Is(err, serializer.ErrCorrupt) {
				fmt.Printf("dropped %q\n", key)
				return nil
			}
			return err
		},
	}
	b := serializer.Join(map[string][]byte{
		serializer.DeadlineAttr: {0x92, 18, 0x91, 0}, // 1970, as Marshal writes it
		"suser":                 {42},
		"scart":                 {0xc1}, // damaged
	})
	_, values, err := codec.Decode(b)
	fmt.Println(values, err)
	// Output:
	// dropped "cart"
	// map[user:42] <nil>
}

func ExampleSplit() {
	b, err := serializer.Codec{}.Encode(time.Time{}, map[string]any{"user": 42, "flash": "saved"})
	if err != nil {
		fmt.Println(err)
		return
	}
	attrs, ok := serializer.Split(b)
	fmt.Println(len(attrs), ok)
	fmt.Printf("%x %x\n", attrs["suser"], attrs["sflash"])
	fmt.Println(string(serializer.Join(attrs)) == string(b))

	_, ok = serializer.Split([]byte("not a session of this package"))
	fmt.Println(ok)
	// Output:
	// 3 true
	// 2a a57361766564
	// true
	// false
}

// An app that has set no codec so far, and so has sessions of gob, sets this one and locks nobody
// out.
func ExampleCodec_former() {
	gobs, err := scs.GobCodec{}.Encode(time.Unix(2e9, 0), map[string]any{"name": "Ann"})
	if err != nil {
		panic(err)
	}

	codec := serializer.Codec{Former: scs.GobCodec{}}
	_, values, err := codec.Decode(gobs)
	fmt.Println(values, err)
	// Output:
	// map[name:Ann] <nil>
}
