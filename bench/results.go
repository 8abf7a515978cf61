package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// This file decides what is recorded of a run.

const (
	jsonFile   = "results.json"
	reportFile = "RESULTS.md"
)

type results struct {
	Date     string            `json:"date"`
	Seconds  float64           `json:"seconds"`
	Quick    bool              `json:"quick"`
	Only     string            `json:"only,omitempty"`       // the cells of a run of some only
	Who      string            `json:"contenders,omitempty"` // the contenders of a run of some only
	Rounds   int               `json:"rounds"`
	SliceMS  int64             `json:"slice_ms"`
	CPUs     int               `json:"cpus"`
	CPU      string            `json:"cpu"`
	Versions map[string]string `json:"versions"`
	Rows     []row             `json:"rows"`
	Failed   map[string]string `json:"failed,omitempty"` // cells that were not measured at all, and why
	Faults   *faultResults     `json:"faults,omitempty"` // nil: not measured

	cells []string // that were to be measured
}

func newResults(r *rig, o options) *results {
	res := &results{
		Date: time.Now().UTC().Format(time.DateOnly), Quick: o.quick, Rounds: o.rounds, SliceMS: o.slice.Milliseconds(),
		Only: o.only.String(), Who: o.who.String(), CPUs: runtime.NumCPU(), CPU: cpuModel(), Failed: map[string]string{},
		Versions: map[string]string{
			"go": runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, "memcached": versionOf("memcached", "-V"),
			"redis-server": versionOf("redis-server", "--version"),
		},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Replace == nil {
				res.Versions[m.Path] = m.Version
			}
		}
	}
	return res
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t: \n")
		}
	}
	return "unknown"
}

func (res *results) write(dir string) error {
	b, err := json.MarshalIndent(res, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, jsonFile), append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, reportFile), []byte(res.report()), 0o644)
}

func readResults(dir string) (*results, error) {
	b, err := os.ReadFile(filepath.Join(dir, jsonFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("nothing to compare with: %s is not there; record it with a run without -compare", filepath.Join(dir, jsonFile))
	}
	if err != nil {
		return nil, err
	}
	var res results
	return &res, json.Unmarshal(b, &res)
}

// find returns what a run has of a contender in a cell, or nil.
func (res *results) find(cell, contender string) *row {
	for i := range res.Rows {
		if r := &res.Rows[i]; r.Cell == cell && r.Contender == contender {
			return r
		}
	}
	return nil
}
