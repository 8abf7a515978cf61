package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"
)

// This file decides what a profile run writes: one cell, one contender, without its
// floor, so that everything in the profiles is the contender's.

const profileTime = 5 * time.Second

func profiled(r *rig, o options) error {
	for _, c := range cells(o) {
		if !o.only.MatchString(c.name()) {
			continue
		}
		if err := r.flushRedis(); err != nil {
			return err
		}
		all, err := c.enter(r, c)
		defer func() {
			for _, k := range all {
				if k.close != nil {
					k.close()
				}
			}
		}()
		if err == nil {
			err = r.settle()
		}
		if err != nil {
			return err
		}
		var k *contender
		for _, one := range all {
			if o.who.MatchString(one.name) {
				k = one // the last one is holdfast
			}
		}
		if k == nil {
			return fmt.Errorf("no contender of %s matches %v", c.name(), o.who)
		}
		if k.missing != "" {
			return fmt.Errorf("%s: %s cannot be measured: %s", c.name(), k.name, k.missing)
		}
		return profileOf(c, k, o.profile)
	}
	return fmt.Errorf("no cell matches %v", o.only)
}

func profileOf(c cell, k *contender, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	run := newRunner(c.concurrency)
	run.slice(k, profileTime/10)
	create := func(name string) (*os.File, error) { return os.Create(filepath.Join(dir, name)) }

	runtime.SetBlockProfileRate(10_000) // one event in 10 µs of blocking
	runtime.SetMutexProfileFraction(20)
	cpu, err := create("cpu.pprof")
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	s := run.slice(k, profileTime)
	pprof.StopCPUProfile()
	errs := []error{cpu.Close()}
	runtime.GC()
	for _, name := range []string{"allocs", "block", "mutex", "goroutine"} {
		f, err := create(name + ".pprof")
		if err != nil {
			return err
		}
		errs = append(errs, pprof.Lookup(name).WriteTo(f, 0), f.Close())
	}
	fmt.Printf("%s, %s: %.0f/s, p50 %.0f µs, p99 %.0f µs, %.1f allocations, %.0f bytes, %.1f µs CPU per operation\n",
		c.name(), k.name, s.rate, s.p50, s.p99, s.allocs, s.bytes, s.cpu)
	fmt.Printf("profiles in %s; read them with\n", dir)
	for _, view := range []string{"cpu.pprof", "-sample_index=alloc_objects allocs.pprof", "block.pprof", "mutex.pprof"} {
		parts := strings.Fields(view)
		file := filepath.Join(dir, parts[len(parts)-1])
		fmt.Printf("  go tool pprof -top %s\n", strings.Join(append(parts[:len(parts)-1], file), " "))
	}
	return errors.Join(errs...)
}
