package main

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// This file decides which tests a mutant has to get past.

// stage is one kind of tests.
type stage struct {
	name  string
	dirs  func(m rule) []string // of packages, from the root; none: it says nothing of that rule
	all   []string              // has all tests of the stage run
	never []string              // tests of the package that belong to another stage
	most  time.Duration         // a mutant that hangs has failed then
	few   time.Duration         // the same for a few of the tests
}

// stages are in the order of what they cost.
var stages = []stage{
	{name: "packages", dirs: packages, most: 2 * time.Minute, few: 40 * time.Second},
	{name: "stories", dirs: ofCluster("sim"), all: []string{"-test.skip=^TestSimulation$"}, never: []string{"TestSimulation"}, most: time.Minute, few: 40 * time.Second},
	{name: "acceptance", dirs: ofDrivers("acceptance"), most: 5 * time.Minute, few: 2 * time.Minute},
	{name: "interleavings", dirs: ofCluster("sim/explore"), most: 5 * time.Minute, few: 5 * time.Minute},
	{name: "seeds", dirs: ofCluster("sim"), all: []string{"-test.run=^TestSimulation$"}, most: 10 * time.Minute, few: 10 * time.Minute},
}

// args are those that every run of the stage needs.
func (s *stage) args() []string {
	if s.name == "seeds" {
		return []string{"-seeds", fmt.Sprint(*seeds)}
	}
	return nil
}

func stageNamed(name string) *stage {
	for i := range stages {
		if stages[i].name == name {
			return &stages[i]
		}
	}
	return nil
}

func wantedStage(name string) bool {
	return slices.Contains(strings.Split(*stagesFlag, ","), name)
}

// packages are those that the rule is in.
func packages(m rule) (dirs []string) {
	for _, e := range m.edits {
		if dir := path.Dir(e.file); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// ofCluster is a stage that knows nothing of the drivers.
func ofCluster(dir string) func(m rule) []string {
	return func(m rule) []string {
		if slices.Contains(packages(m), "cluster") {
			return []string{dir}
		}
		return nil
	}
}

// ofDrivers is a stage that says more of the drivers than of cluster.
func ofDrivers(dir string) func(m rule) []string {
	return func(m rule) []string {
		if slices.Contains(packages(m), "cluster") {
			return nil
		}
		return []string{dir}
	}
}
