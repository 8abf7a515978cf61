package main

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// This file decides which tests a mutant has to get past.

// stage is one kind of tests.
type stage struct {
	name  string
	dirs  func(changed []string) []string // the packages to test for these changed ones; none: it says nothing of them
	all   []string                        // has all tests of the stage run
	never []string                        // tests of the package that belong to another stage
	most  time.Duration                   // a mutant that hangs has failed then
	few   time.Duration                   // the same for a few of the tests
}

// stages are in the order of what they cost.
var stages = []stage{
	{name: "packages", dirs: own, most: 2 * time.Minute, few: 40 * time.Second},
	{name: "stories", dirs: ofCluster("test/sim"), all: []string{"-test.skip=^TestSimulation$"}, never: []string{"TestSimulation"}, most: time.Minute, few: 40 * time.Second},
	{name: "sticky", dirs: ofCluster("test/sim/sticky"), most: 5 * time.Minute, few: 5 * time.Minute},
	{name: "acceptance", dirs: ofDrivers("test/acceptance"), most: 5 * time.Minute, few: 2 * time.Minute},
	{name: "interleavings", dirs: ofCluster("test/sim/explore"), all: []string{"-most", "0"}, most: 5 * time.Minute, few: 5 * time.Minute},
	{name: "seeds", dirs: ofCluster("test/sim"), all: []string{"-test.run=^TestSimulation$"}, most: 10 * time.Minute, few: 10 * time.Minute},
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

// packages are the folders of the changed files.
func packages(files map[string][]byte) (dirs []string) {
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if dir := path.Dir(file); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// own are the changed packages, and the packages that internal ones belong to: the tests of
// cluster are those of cluster/internal/record, too.
func own(changed []string) (dirs []string) {
	for _, dir := range changed {
		public, _, _ := strings.Cut(dir, "/internal/")
		for _, d := range []string{dir, public} {
			if !slices.Contains(dirs, d) {
				dirs = append(dirs, d)
			}
		}
	}
	return dirs
}

// ofCluster is a stage that knows nothing of the drivers.
func ofCluster(dir string) func(changed []string) []string {
	return func(changed []string) []string {
		if slices.ContainsFunc(changed, inCluster) {
			return []string{dir}
		}
		return nil
	}
}

// ofDrivers is a stage that says more of the drivers than of cluster.
func ofDrivers(dir string) func(changed []string) []string {
	return func(changed []string) []string {
		if slices.ContainsFunc(changed, inCluster) {
			return nil
		}
		return []string{dir}
	}
}

func inCluster(dir string) bool { return dir == "cluster" || strings.HasPrefix(dir, "cluster/") }
